//! Signals, deadlines, closed outputs: how the program ends, and with which code.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::Stdio;

use crate::support::{LONG, Program, fifo, file, laneq, run};

/// An agent that says that it is up, and then waits for ever.
fn endless(up: &std::path::Path) -> String {
    format!("sh -c 'echo $$ > {}; while :; do sleep 1; done'", up.display())
}

/// Rows of `FAILURES.md`: C15.
#[test]
fn p12_a_signal_drains_and_the_deadline_returns_what_is_left() {
    let up = fifo("up");
    let agent = endless(&up);
    let mut program =
        Program::start(&["--agent", &agent, "--drain-ms", "50", "--stop-grace-ms", "50"]);
    program.line(r#"{"id":"1","key":"k","text":"t"}"#);
    program.line(r#"{"id":"2","key":"k","text":"t","mode":"followup"}"#);
    fs::read_to_string(&up).expect("the agent is up");
    program.wait_for("the second", |l| l["event"] == "message.accepted" && l["id"] == "2");
    program.signal("TERM");
    let output = program.wait();
    output.check();
    assert_eq!(output.events("engine.draining").len(), 1);
    assert_eq!((output.fate("1"), output.fate("2")), ("returned", "returned"));
    assert_eq!(
        (output.events("run.finished")[0]["cause"].as_str(), output.code),
        (Some("drain"), Some(4))
    );
}

#[test]
fn p12_a_second_signal_closes_at_once() {
    let up = fifo("up");
    let agent = endless(&up);
    let mut program = Program::start(&["--agent", &agent, "--drain-ms", "1000000"]);
    program.line(r#"{"id":"1","key":"k","text":"t"}"#);
    fs::read_to_string(&up).expect("the agent is up");
    program.signal("INT");
    program.event("engine.draining");
    program.signal("INT");
    let output = program.wait();
    output.check();
    assert_eq!((output.fate("1"), output.code), ("returned", Some(4)));
}

#[test]
fn a_drain_that_completes_is_a_success() {
    let gate = fifo("gate");
    let agent = format!("sh -c 'read -r _ < {}; echo ok'", gate.display());
    let mut program = Program::start(&["--agent", &agent]);
    program.line(r#"{"id":"1","key":"k","text":"t"}"#);
    program.event("run.started");
    program.line(r#"{"control":"drain","n":1}"#);
    program.event("engine.draining");
    fs::write(&gate, "go\n").expect("the agent waits");
    let output = program.wait();
    assert_eq!((output.check().fate("1"), output.code), ("ran", Some(0)));
}

#[test]
fn a_closed_output_ends_the_program_with_6() {
    let mut child = laneq()
        .args(["run", "--agent", "cat"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    drop(child.stdout.take());
    let mut stdin = child.stdin.take().expect("a pipe");
    std::io::Write::write_all(&mut stdin, b"{\"key\":\"k\",\"text\":\"t\"}\n").expect("it reads");
    // The input stays open: the closed output alone ends the program.
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(6));
    drop(stdin);
}

#[test]
fn agents_do_not_outlive_a_program_that_is_killed() {
    // What it says is heard only once the helper knows of it.
    let script = "read -r _\necho \"{\\\"say\\\":\\\"$$\\\"}\"\nwhile :; do sleep 1; done\n";
    let agent = format!("sh {}", file("agent.sh", script).display());
    let mut program = Program::start(&["--agent", &agent, "--agent-protocol", "jsonl"]);
    program.line(r#"{"id":"1","key":"k","text":"t"}"#);
    let pid = program.event("reply")["text"].as_str().expect("its number").to_owned();
    program.signal("KILL");
    program.wait();
    // The helper acts when it sees the end of its pipe: this is the only thing to wait for.
    let until = std::time::Instant::now() + LONG;
    let state = || fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    while !(state().is_empty() || state().contains(") Z ")) {
        assert!(std::time::Instant::now() < until, "the agent lives: {}", state());
        std::thread::yield_now();
    }
}

#[test]
fn an_event_file_has_everything_and_standard_output_the_answers() {
    let events = file("events", "");
    let output = run(
        &["--agent", "cat", "--events", events.to_str().expect("text")],
        "{\"key\":\"k\",\"text\":\"t\"}\nnonsense\n{\"control\":\"list\",\"n\":1}\n",
    );
    let mut names: Vec<_> = output.lines.iter().filter_map(|l| l["event"].as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, ["control.done", "input.invalid", "reply"]);
    let all = BufReader::new(fs::File::open(events).expect("it is there")).lines();
    let all: Vec<serde_json::Value> =
        all.map(|l| serde_json::from_str(&l.expect("text")).expect("JSON")).collect();
    let numbers: Vec<_> = all.iter().filter_map(|l| l["seq"].as_u64()).collect();
    assert_eq!(numbers, (1..=all.len() as u64).collect::<Vec<_>>());
    for line in &output.lines {
        assert!(all.contains(line), "{line}");
    }
    assert_eq!(output.code, Some(3));
}

#[test]
fn the_first_line_says_who_writes_and_the_totals_end_it() {
    let output = run(&["--agent", "cat"], "{\"key\":\"k\",\"text\":\"t\"}\n");
    let first = &output.lines[0];
    assert_eq!(
        (&first["event"], &first["version"]),
        (&"engine.started".into(), &env!("CARGO_PKG_VERSION").into())
    );
    assert!(first["time"].as_str().is_some_and(|time| time.ends_with('Z')));
    assert!(
        output.stderr.contains("1 messages in") && output.stderr.contains("1 ran"),
        "{}",
        output.stderr
    );
}

#[test]
fn texts_are_private_unless_they_are_asked_for() {
    let input = "{\"key\":\"k\",\"text\":\"secret\"}\n";
    let output = run(&["--agent", "echo ok"], input);
    assert!(!format!("{:?}", output.lines).contains("secret"));
    let output = run(&["--agent", "echo ok", "--show-text"], input);
    assert_eq!(output.events("run.started")[0]["text"], "secret");
}

#[test]
fn check_validates_files_and_prints_the_defaults() {
    let good = laneq().args(["check", "--print-defaults"]).output().expect("it runs");
    let path = file("defaults.toml", &String::from_utf8(good.stdout).expect("text"));
    let checked = laneq().arg("check").arg(&path).output().expect("it runs");
    assert_eq!(checked.status.code(), Some(0));
    let bad = file("bad.toml", "[queue]\ndebounse = \"1s\"\n");
    let checked = laneq().arg("check").arg(&bad).output().expect("it runs");
    let stderr = String::from_utf8(checked.stderr).expect("text");
    assert_eq!(checked.status.code(), Some(2));
    assert!(stderr.contains("bad.toml:2:1") && stderr.contains("debounse"), "{stderr}");
}

#[test]
fn p4_a_message_that_is_read_while_the_program_drains_is_refused_aloud() {
    let gate = fifo("gate");
    let agent = format!("sh -c 'read -r _ < {}; echo ok'", gate.display());
    let mut program = Program::start(&["--agent", &agent]);
    program.line(r#"{"id":"1","key":"k","text":"t"}"#);
    program.event("run.started");
    program.signal("TERM");
    program.event("engine.draining");
    program.line(r#"{"id":"2","key":"k","text":"t"}"#);
    let refused = program.event("message.refused");
    assert_eq!((&refused["id"], &refused["reason"]), (&"2".into(), &"draining".into()));
    fs::write(&gate, "go\n").expect("the agent waits");
    let output = program.wait();
    assert_eq!((output.check().fate("1"), output.code), ("ran", Some(1)));
}

#[test]
#[cfg(target_os = "linux")]
fn p12_a_signal_ends_the_wait_for_a_reader_that_stalls() {
    let gate = fifo("gate");
    let agent = format!("sh -c 'read -r _ < {}; cat'", gate.display());
    let text = format!("{{\"id\":\"1\",\"key\":\"k\",\"text\":\"{}\"}}\n", "x".repeat(300_000));
    let input = file("input", &text);
    let mut child = laneq()
        .args(["run", "--agent", &agent, "--drain-ms", "50", "--stop-grace-ms", "50", "--input"])
        .arg(input)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("it starts");
    let until = std::time::Instant::now() + LONG;
    let pid = child.id().to_string();
    let mut wait = |what: &str, over: &mut dyn FnMut(&mut std::process::Child) -> bool| {
        while !over(&mut child) {
            if std::time::Instant::now() > until {
                child.kill().expect("it lives");
                panic!("waiting for {what}");
            }
            std::thread::yield_now();
        }
    };
    // Its workers have come and gone: only the last lines are left.
    let workers = |child: &mut std::process::Child| {
        let tasks = fs::read_dir(format!("/proc/{}/task", child.id())).expect("it lives");
        let names = tasks.flatten().map(|t| fs::read_to_string(t.path().join("comm")));
        names.flatten().any(|name| name.starts_with("laneq-main"))
    };
    wait("the workers", &mut |child| workers(child));
    fs::write(&gate, "go\n").expect("the agent waits");
    wait("their end", &mut |child| !workers(child));
    let sent = std::process::Command::new("kill").args(["-TERM", &pid]).status();
    assert!(sent.expect("kill runs").success());
    wait("its end", &mut |child| child.try_wait().expect("it can be waited for").is_some());
    assert_eq!(child.wait().expect("it has ended").code(), Some(6));
}
