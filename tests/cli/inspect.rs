//! `laneq inspect`: a journal as somebody else sees it, live, at rest and after a crash.

use std::fs;
use std::path::Path;

use crate::support::{Program, fifo, file, folder, laneq, run};

fn path(path: &Path) -> &str {
    path.to_str().expect("text")
}

struct Told {
    code: Option<i32>,
    out: String,
    err: String,
}

fn inspect(args: &[&str]) -> Told {
    let output = laneq().arg("inspect").args(args).output().expect("it runs");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    Told { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
}

/// The words of the lines about messages.
fn rows(journal: &str, more: &[&str]) -> Vec<Vec<String>> {
    let told = inspect(&[&["list", journal], more].concat());
    assert_eq!(told.code, Some(0), "{}", told.err);
    let lines: Vec<_> = told.out.lines().collect();
    let words = |line: &&str| line.split_whitespace().map(str::to_owned).collect();
    let rows = lines.get(1..lines.len() - 1).unwrap_or_default();
    rows.iter().map(words).collect()
}

/// Id and state of each message.
fn states(journal: &str, more: &[&str]) -> Vec<(String, String)> {
    rows(journal, more).into_iter().map(|row| (row[0].clone(), row[4].clone())).collect()
}

fn pairs(of: &[(&str, &str)]) -> Vec<(String, String)> {
    of.iter().map(|(id, state)| ((*id).to_owned(), (*state).to_owned())).collect()
}

/// A journal with the parked messages `p1` and `p2`.
fn parked() -> String {
    let journal = folder().join("j.redb");
    let settings = file("s.toml", "[queue]\nattempts = 2\nbackoff = \"1ms\"\n");
    let input = "{\"id\":\"p2\",\"key\":\"b\",\"text\":\"two\"}\n\
        {\"id\":\"p1\",\"key\":\"a\",\"text\":\"one\",\"meta\":{\"x\":[1]},\"priority\":\"foreground\"}\n";
    let args = ["--config", path(&settings), "--agent", "false", "--journal", path(&journal)];
    assert_eq!(run(&args, input).code, Some(1));
    path(&journal).to_owned()
}

#[test]
fn parked_messages_are_listed_shown_requeued_and_dropped() {
    let journal = parked();
    assert_eq!(states(&journal, &[]), pairs(&[("p1", "parked"), ("p2", "parked")]), "by key");
    assert_eq!(states(&journal, &["--key", "b"]), pairs(&[("p2", "parked")]));
    assert!(states(&journal, &["--pending"]).is_empty());
    assert!(states(&journal, &["--parked", "--older-than", "1h"]).is_empty());
    assert_eq!(rows(&journal, &["--limit", "1"]).len(), 1);
    let json = inspect(&["list", &journal, "--json"]).out;
    let first: serde_json::Value =
        serde_json::from_str(json.lines().next().expect("a line")).expect("JSON");
    assert_eq!((&first["id"], &first["attempt"]), (&"p1".into(), &2.into()));
    assert!(!json.contains("one"), "texts are private");
    let shown = inspect(&["show", &journal, "p1"]).out;
    assert!(shown.lines().any(|line| line.starts_with("text") && line.ends_with("one")), "{shown}");
    assert_eq!(inspect(&["requeue", &journal, "p1", "p1"]).out, "p1\n");
    assert_eq!(states(&journal, &[]), pairs(&[("p1", "pending"), ("p2", "parked")]));
    let again = inspect(&["requeue", &journal, "p1"]);
    assert!(again.code == Some(1) && again.err.contains("\"p1\" is pending"), "{}", again.err);
    assert_eq!(inspect(&["drop", &journal, "--all-parked"]).out, "p2\n");
    let output = run(&["--agent", "cat", "--journal", &journal], "");
    assert_eq!((output.replies(), output.code), (vec!["one"], Some(0)));
    assert_eq!(output.events("run.started")[0]["attempt"], 1);
    assert!(rows(&journal, &[]).is_empty());
}

#[test]
fn an_export_is_the_input_of_another_program() {
    let journal = parked();
    let exported = inspect(&["export", &journal]).out;
    let other = folder().join("other.redb");
    let output = run(&["--agent", "cat", "--journal", path(&other)], &exported);
    assert_eq!((output.code, output.events("reply").len()), (Some(0), 2), "{}", output.stderr);
    let reply = output.events("reply").into_iter().find(|l| l["key"] == "a").expect("of p1");
    assert_eq!((&reply["text"], &reply["meta"]["x"][0]), (&"one".into(), &1.into()));
    let one = inspect(&["export", &journal, "--key", "b"]).out;
    assert!(one.lines().count() == 1 && one.contains("\"p2\""), "{one}");
}

#[test]
fn a_journal_is_read_beside_the_program_that_holds_it_and_not_changed() {
    let (journal, gate) = (folder().join("j.redb"), fifo("gate"));
    let agent = format!("sh -c 'read -r _ < {}; cat'", gate.display());
    let mut program = Program::start(&["--agent", &agent, "--journal", path(&journal)]);
    program.line(r#"{"id":"1","key":"k\u001b[2J","text":"t","mode":"followup"}"#);
    program.line(r#"{"id":"2","key":"k\u001b[2J","text":"t","mode":"followup"}"#);
    program.wait_for("the second", |l| l["event"] == "message.accepted" && l["id"] == "2");
    // The first is the agent's once it reads the gate: its start is in the journal.
    let mut held = fs::OpenOptions::new().write(true).open(&gate).expect("the agent reads");
    assert_eq!(states(path(&journal), &[]), pairs(&[("1", "started"), ("2", "pending")]));
    assert_eq!(rows(path(&journal), &[])[0][1], "k\\u{1b}[2J", "keys are escaped");
    let told = inspect(&["drop", path(&journal), "2"]);
    let by = format!("held by process {}: use the controls", program.pid());
    assert!(told.code == Some(5) && told.err.contains(&by), "{}", told.err);
    std::io::Write::write_all(&mut held, b"go\n").expect("the agent reads");
    drop(held);
    program.let_go(&gate, 2, 2);
    let output = program.finish();
    output.check();
    assert_eq!((output.code, output.replies()), (Some(0), vec!["t", "t"]));
}

#[test]
fn p11_what_a_crash_left_is_read_and_stays_as_it_is() {
    let (journal, gate) = (folder().join("j.redb"), fifo("gate"));
    let agent = format!("sh -c 'read -r _ < {}; cat'", gate.display());
    let mut program = Program::start(&["--agent", &agent, "--journal", path(&journal)]);
    program.line(r#"{"id":"1","key":"k","text":"t"}"#);
    program.event("run.started");
    let held = fs::OpenOptions::new().write(true).open(&gate).expect("the agent reads");
    program.signal("KILL");
    program.wait();
    drop(held);
    let before = fs::read(&journal).expect("it is there");
    assert_eq!(states(path(&journal), &[]), pairs(&[("1", "started")]));
    assert_eq!(inspect(&["export", path(&journal)]).out.lines().count(), 1);
    assert!(fs::read(&journal).expect("it is there") == before, "read, not repaired");
    let beside = fs::read_dir(journal.parent().expect("a folder")).expect("it is there");
    assert_eq!(beside.count(), 2, "the journal and who held it");
    assert_eq!(inspect(&["drop", path(&journal), "1"]).out, "1\n", "a change repairs it");
    assert!(run(&["--agent", "cat", "--journal", path(&journal)], "").replies().is_empty());
}

#[test]
fn what_is_not_there_is_an_error_and_is_not_made() {
    let missing = folder().join("none.redb");
    for args in [vec!["list"], vec!["export"], vec!["requeue", "--all-parked"], vec!["drop", "x"]] {
        let mut args = args;
        args.insert(1, path(&missing));
        let told = inspect(&args);
        assert!(told.code == Some(5) && told.err.contains("no such journal"), "{}", told.err);
    }
    assert!(!missing.exists());
    let other = file("notes.txt", "not a journal\n");
    let told = inspect(&["list", path(&other)]);
    assert!(told.code == Some(5) && told.err.contains("not a journal"), "{}", told.err);
    let journal = parked();
    let told = inspect(&["show", &journal, "nobody"]);
    assert!(told.code == Some(1) && told.err.contains("\"nobody\""), "{}", told.err);
    assert_eq!(inspect(&["requeue", &journal]).code, Some(2));
    assert_eq!(inspect(&["list", &journal, "--older-than", "soon"]).code, Some(2));
}
