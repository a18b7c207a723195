//! Controls: carried out at once, also ahead of messages that wait; each answered.

use std::fs;

use crate::support::{Output, Program, fifo, file, run};

/// An agent that waits for a line from the gate.
fn gated(gate: &std::path::Path) -> String {
    format!("sh -c 'cat > /dev/null; read -r _ < {}'", gate.display())
}

#[test]
fn each_control_is_answered_with_its_number() {
    let lines = [
        r#"{"control":"lane","lane":"main","concurrency":2,"n":1}"#,
        r#"{"control":"pause","lane":"main","n":2}"#,
        r#"{"control":"resume","lane":"main","n":"three"}"#,
        r#"{"control":"stats","n":4}"#,
        r#"{"control":"list","n":5}"#,
        r#"{"control":"lane","lane":"main","concurrency":-1,"n":6}"#,
        r#"{"control":"lane","lane":"fast","concurrency":1,"n":7}"#,
        r#"{"control":"interrupt","key":"nobody","n":8}"#,
        r#"{"control":"abandon","run":99,"n":9}"#,
        r#"{"control":"withdraw","id":"nothing","n":10}"#,
        r#"{"control":"dance","n":11}"#,
        r#"{"control":"stop","n":12}"#,
    ];
    let output = run(&["--agent", "cat"], &lines.join("\n"));
    output.check();
    let done: Vec<_> = output.events("control.done").iter().map(|l| l["n"].to_string()).collect();
    assert_eq!(done, ["1", "2", "\"three\"", "4", "5"]);
    let failed = output.events("control.failed");
    let numbers: Vec<_> = failed.iter().map(|l| l["n"].as_u64().expect("n")).collect();
    assert_eq!(numbers, [6, 7, 8, 9, 10, 11, 12]);
    let details: Vec<_> = failed.iter().map(|l| l["detail"].to_string()).collect();
    let words =
        ["unlimited", "subagent", "nobody", "99", "nothing", "interrupt, stop", "key or a run"];
    for (detail, word) in details.iter().zip(words) {
        assert!(detail.contains(word), "{detail}");
    }
    assert_eq!(output.events("stats")[0]["order_violations"], 0);
}

#[test]
fn p9_messages_for_a_full_session_wait_for_room_and_control_does_not() {
    let (gate, control) = (fifo("gate"), fifo("control"));
    let settings = file("s.toml", "[queue]\nmode = \"followup\"\ncap = 2\ndrop = \"new\"\n");
    let lines: String =
        (0..10).map(|i| format!("{{\"id\":\"{i}\",\"key\":\"k\",\"text\":\"t\"}}\n")).collect();
    let input = file("input", &lines);
    let path = |path: &std::path::Path| path.to_str().expect("text").to_owned();
    let (settings, input) = (path(&settings), path(&input));
    let (agent, control_path) = (gated(&gate), path(&control));
    let args =
        ["--config", &settings, "--input", &input, "--agent", &agent, "--control", &control_path];
    let mut program = Program::start(&args);
    // The first runs, two wait, and the fourth has no room.
    program.wait_for("the third", |l| l["event"] == "message.accepted" && l["id"] == "2");
    fs::write(&control, "{\"control\":\"withdraw\",\"id\":\"1\",\"n\":1}\n").expect("it is read");
    assert_eq!(program.event("control.done")["result"], "withdrawn");
    program.let_go(&gate, 1, 9);
    let output = program.finish();
    output.check().check_order();
    assert!(output.events("message.refused").is_empty());
    assert_eq!((output.fate("1"), output.fate("9"), output.code), ("withdrawn", "ran", Some(0)));
}

fn overflow(drop: &str) -> Output {
    let gate = fifo("gate");
    let settings = format!("[queue]\nmode = \"followup\"\ncap = 2\ndrop = \"{drop}\"\n");
    let settings = file("s.toml", &settings);
    let agent = gated(&gate);
    let settings = settings.to_str().expect("text");
    let args = ["--config", settings, "--agent", &agent, "--when-full", "policy"];
    let mut program = Program::start(&args);
    program.line(r#"{"id":"0","key":"k","text":"t"}"#);
    program.event("run.started");
    for i in 1..5 {
        program.line(&format!("{{\"id\":\"{i}\",\"key\":\"k\",\"text\":\"t\"}}"));
    }
    program.wait_for("the last", |l| {
        l["id"] == "4" && (l["event"] == "message.accepted" || l["event"] == "message.refused")
    });
    program.let_go(&gate, 1, 3);
    let output = program.finish();
    output.check();
    output
}

#[test]
fn a_pipe_uses_the_drop_policy() {
    let output = overflow("new");
    assert_eq!((output.events("message.refused").len(), output.code), (2, Some(1)));
    let output = overflow("old");
    assert_eq!(
        (output.fate("1"), output.fate("2"), output.fate("4")),
        ("dropped", "dropped", "ran")
    );
    let output = overflow("summarize");
    assert_eq!((output.fate("1"), output.code), ("dropped", Some(1)));
    assert_eq!(output.events("run.started")[1]["summary_of"], 2);
}

#[test]
fn what_a_paused_lane_holds_is_returned_at_the_end() {
    let lines = "{\"control\":\"pause\",\"lane\":\"main\"}\n{\"id\":\"1\",\"key\":\"k\",\"text\":\"t\"}\n\
                 {\"id\":\"2\",\"key\":\"l\",\"text\":\"t\",\"lane\":\"cron\"}\n";
    let output = run(&["--agent", "cat"], lines);
    output.check();
    assert_eq!((output.fate("1"), output.fate("2"), output.code), ("returned", "ran", Some(0)));
}

#[test]
fn a_reload_takes_effect_at_once_and_a_refused_one_changes_nothing() {
    let settings = file("laneq.toml", "[lanes.main]\nconcurrency = 0\n");
    let path = settings.to_str().expect("text").to_owned();
    let mut program = Program::start(&["--agent", "cat", "--config", &path]);
    program.line(r#"{"id":"1","key":"k","text":"t"}"#);
    program.event("message.accepted");
    fs::write(&settings, "[lanes.main]\nconcurrency = -1\n").expect("a file");
    program.line(r#"{"control":"reload","n":1}"#);
    let failed = program.event("control.failed");
    let detail = failed["detail"].as_str().expect("words");
    assert!(detail.contains("laneq.toml:2:15") && detail.contains("4096"), "{detail}");
    program.signal("HUP");
    let refused = program.event("config.refused");
    assert_eq!(refused["detail"], detail);
    fs::write(&settings, "[lanes.main]\nconcurrency = 2\n[lanes.mine]\n").expect("a file");
    program.signal("HUP");
    let reloaded = program.event("config.reloaded");
    assert_eq!(reloaded["detail"], "lanes added: mine");
    program.event("run.finished");
    program.line(r#"{"id":"2","key":"k","text":"t","lane":"mine"}"#);
    let other = file("other.toml", "[lanes.main]\nconcurrency = 1\n");
    program.line(&format!(r#"{{"control":"reload","config":{other:?},"n":2}}"#));
    let done = program.event("control.done");
    assert_eq!((&done["n"], &done["result"]), (&2.into(), &"lanes removed: mine".into()));
    let output = program.finish();
    output.check();
    assert_eq!((output.fate("1"), output.fate("2"), output.code), ("ran", "ran", Some(0)));
}

#[test]
fn words_for_the_queue_do_not_wait_for_the_room_that_they_make() {
    let settings = file("s.toml", "[queue]\nmode = \"followup\"\ncap = 1\n");
    let settings = settings.to_str().expect("text");
    let args = ["--config", settings, "--agent", "sleep 1000", "--when-full", "wait"];
    let mut program = Program::start(&args);
    program.line(r#"{"id":"1","key":"k","text":"t"}"#);
    program.event("run.started");
    program.line(r#"{"id":"2","key":"k","text":"t"}"#);
    program.line(r#"{"id":"3","key":"k","text":"/stop"}"#);
    assert_eq!(program.event("control.done")["id"], "3");
    let output = program.finish();
    output.check();
    assert_eq!((output.fate("1"), output.fate("2")), ("ran", "withdrawn"));
}
