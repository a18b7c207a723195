//! Every mode, over the repository's sample and over real chat where it is at hand.

use std::fs;
use std::path::{Path, PathBuf};

use crate::support::{Output, Program, fifo, file, laneq, run, three_calls};

const MODES: [&str; 5] = ["followup", "collect", "steer", "steer-backlog", "interrupt"];

fn sample() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/sample.jsonl");
    fs::read_to_string(path).expect("it is in the repository")
}

/// Real messages, where somebody has put them beside the project.
fn real(lines: usize) -> Option<String> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/ubuntu-irc.jsonl");
    let path = std::env::var_os("LANEQ_REAL_INPUT").map_or(beside, PathBuf::from);
    let text = fs::read_to_string(path).ok()?;
    Some(text.lines().take(lines).map(|line| line.to_owned() + "\n").collect())
}

fn settings(mode: &str) -> PathBuf {
    let text = format!(
        "[queue]\nmode = \"{mode}\"\ndebounce = \"20ms\"\n[lanes.main]\nconcurrency = 4\n[session]\ndm_scope = \"per-peer\"\n"
    );
    file("settings.toml", &text)
}

fn in_mode(mode: &str, agent: &[&str], input_text: &str, replay: &str) -> Output {
    let settings = settings(mode);
    let input = file("input.jsonl", input_text);
    let mut args = vec!["--config", settings.to_str().expect("text"), "--replay", replay];
    args.extend(["--input", input.to_str().expect("text")]);
    args.extend(agent);
    let output = run(&args, "");
    assert_eq!(output.code, Some(0), "{mode}: {}", output.stderr);
    output.check();
    // Messages with a mode of their own may go first.
    if matches!(mode, "followup" | "collect") && !input_text.contains("\"mode\"") {
        output.check_order();
    }
    output
}

fn every_mode(agent: &[&str], input: &str, replay: &str) {
    let count = input.lines().count();
    for mode in MODES {
        let output = in_mode(mode, agent, input, replay);
        assert_eq!(output.events("message.fate").len(), count, "{mode}: nothing is lost");
    }
}

#[test]
fn p4_every_mode_with_a_plain_agent_loses_nothing() {
    every_mode(&["--agent", "cat"], &sample(), "20");
}

#[test]
fn p4_every_mode_with_an_agent_of_three_calls_loses_nothing() {
    every_mode(&["--agent", &three_calls(), "--agent-protocol", "jsonl"], &sample(), "20");
}

#[test]
fn p4_every_mode_with_the_demo_agent_loses_nothing() {
    every_mode(&[], &sample(), "8");
}

#[test]
fn p4_real_chat_in_every_mode_loses_nothing() {
    // Without the file there is nothing real to read; the sample above stands in for it.
    let Some(input) = real(300) else { return };
    every_mode(&["--agent", "cat"], &input, "0");
    every_mode(&["--agent", &three_calls(), "--agent-protocol", "jsonl"], &input, "0");
}

#[test]
fn p2_a_burst_becomes_one_run_after_the_run_in_progress() {
    let gate = fifo("gate");
    let agent = format!("sh -c 'cat; read -r _ < {}'", gate.display());
    let settings = settings("collect");
    let settings = settings.to_str().expect("text");
    let mut program = Program::start(&["--agent", &agent, "--show-text", "--config", settings]);
    program.line(r#"{"key":"k","text":"one"}"#);
    program.event("run.started");
    program.line(r#"{"key":"k","text":"two"}"#);
    program.line(r#"{"key":"k","text":"three","id":"last"}"#);
    program.wait_for("the burst", |l| l["event"] == "message.accepted" && l["id"] == "last");
    program.let_go(&gate, 1, 2);
    let output = program.finish();
    let runs = output.check().check_order().events("run.started");
    assert_eq!(runs.len(), 2, "{runs:?}");
    let text = runs[1]["text"].as_str().expect("it was asked for");
    assert!(text.contains("two") && text.contains("three"), "{text}");
    assert_eq!(output.replies()[0], "one");
}

#[test]
fn a_newcomer_finds_help_for_every_command() {
    for command in [&[][..], &["run"], &["bench"], &["check"]] {
        let output = laneq().args(command).arg("--help").output().expect("it runs");
        assert!(output.status.success());
        let text = String::from_utf8(output.stdout).expect("text");
        assert!(text.contains("Usage: laneq"), "{text}");
    }
}
