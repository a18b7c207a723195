//! What agents are told of their session's transcript, and what is in it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Stdio;

use serde_json::Value;

use crate::support::{file, folder, laneq, run, three_calls};

const ONE: &str = "{\"id\":\"1\",\"key\":\"a b\",\"text\":\"hello\"}\n";
/// What the agent of most tests answers: which command it is, and what it was told.
const TELL: &str = "sh -c 'echo \"$0 $1 $2 $3 $LANEQ_NEW $LANEQ_TRANSCRIPT\"'";

fn text(path: &Path) -> &str {
    path.to_str().expect("text")
}

/// The transcript of `a b`.
fn transcript(dir: &Path) -> Vec<Value> {
    let lines = fs::read_to_string(dir.join("a%20b.jsonl")).expect("a transcript");
    lines.lines().map(|line| serde_json::from_str(line).expect("a whole line")).collect()
}

#[test]
fn a_session_is_new_until_a_run_was_done_and_its_first_command_is_another() {
    let dir = folder().join("transcripts");
    let (other, again) = (format!("{TELL} again {{session}} {{key}} {{run}}"), "done");
    let ask = |first: &str| {
        let args = ["--agent", &other, "--agent-first", first, "--transcripts", text(&dir)];
        run(&args, ONE)
    };
    let failing = ask("sh -c 'test $LANEQ_NEW = 1 && exit 7'");
    assert_eq!(
        (failing.events("run.finished")[0]["outcome"].as_str(), failing.code),
        (Some("failed"), Some(1))
    );
    let first = ask(&format!("{TELL} first {{session}} {{key}} {{run}}"));
    let reply = first.check().replies()[0].to_owned();
    let path = text(&dir.join("a%20b.jsonl")).to_owned();
    assert!(reply.starts_with("first ") && reply.ends_with(&format!(" a b 1 1 {path}")), "{reply}");
    let second = ask("sh -c 'exit 7'").check().replies()[0].replace("again", "first");
    assert_eq!(second, reply.replace(" 1 1 /", " 1 0 /"), "the same session, {again} once");
    let events: Vec<_> =
        transcript(&dir).iter().map(|l| l["event"].as_str().unwrap_or("").to_owned()).collect();
    let done = ["started", "replied", "ended"];
    assert_eq!(events, [&["", "started", "ended"][..], &done, &done].concat());
}

#[test]
fn without_transcripts_nobody_is_told_who_is_new() {
    let output = run(&["--agent", "sh -c 'env; cat'"], ONE);
    let reply = output.check().replies()[0];
    assert!(!reply.contains("LANEQ_NEW") && !reply.contains("LANEQ_TRANSCRIPT"), "{reply}");
    let output = run(&["--agent", "cat", "--agent-first", "cat"], ONE);
    assert_eq!(output.code, Some(2));
    assert!(
        output.stderr.contains("--agent-first \"cat\": only transcripts tell"),
        "{}",
        output.stderr
    );
}

#[test]
fn the_settings_name_the_folder_and_the_command_line_wins() {
    let (one, two) = (folder().join("one"), folder().join("two"));
    let settings = file("s.toml", &format!("[transcripts]\ndir = {:?}\n", text(&one)));
    let args = ["--agent", "cat", "--agent-first", "cat", "--config", text(&settings)];
    assert_eq!(run(&args, ONE).check().replies(), ["hello"]);
    assert_eq!(transcript(&one).len(), 4);
    let output = run(&[&args[..], &["--transcripts", text(&two)]].concat(), ONE);
    assert_eq!(output.check().replies(), ["hello"]);
    assert_eq!((transcript(&one).len(), transcript(&two).len()), (4, 4));
}

#[test]
fn a_jsonl_agent_is_told_the_path_and_its_calls_are_in_it() {
    let dir = folder();
    let copy = dir.join("first");
    let script = format!("tee -a {} | {}", copy.display(), three_calls());
    let agent = format!("sh -c {:?}", script);
    let args = ["--agent", &agent, "--agent-protocol", "jsonl", "--transcripts", text(&dir)];
    let output = run(&args, ONE);
    assert_eq!(output.check().replies(), ["settled"]);
    let lines = fs::read_to_string(copy).expect("a copy");
    let first: Value = serde_json::from_str(lines.lines().next().expect("a line")).expect("JSON");
    assert_eq!(first["transcript"], text(&dir.join("a%20b.jsonl")));
    let called = &transcript(&dir)[2];
    assert_eq!(
        (&called["event"], called["results"].as_array().map(Vec::len)),
        (&"called".into(), Some(3))
    );
    assert_eq!(
        (&called["results"][1]["call"], &called["results"][1]["result"]),
        (&"b".into(), &1.into())
    );
}

/// Rows of `FAILURES.md`: R14.
#[test]
fn p6_the_calls_of_an_agent_that_died_are_in_the_transcript() {
    let dir = folder();
    let script = "read -r _\necho '{\"plan\":[\"a\",\"b\"]}'; read -r _\n\
        echo '{\"tool\":\"start\",\"call\":\"a\"}'; read -r _\nexit 3\n";
    let agent = format!("sh {}", file("agent.sh", script).display());
    let args = ["--agent", &agent, "--agent-protocol", "jsonl", "--transcripts", text(&dir)];
    assert_eq!(run(&args, ONE).code, Some(1));
    let lines = transcript(&dir);
    let results = &lines[2]["results"];
    assert_eq!(
        (&results[0]["state"], &results[0]["effects"]),
        (&"cancelled".into(), &"unknown".into())
    );
    assert_eq!(
        (&results[1]["state"], &results[1]["effects"]),
        (&"cancelled".into(), &"none".into())
    );
    assert_eq!((&lines[3]["outcome"], &lines[3]["cause"]), (&"failed".into(), &"exit".into()));
}

/// Rows of `FAILURES.md`: S3.
#[test]
fn folder_and_files_are_their_owners_alone_whatever_the_umask() {
    for umask in ["0", "0777"] {
        let dir = folder().join("transcripts");
        let command = format!("umask {umask}; exec \"$0\" run --agent cat --transcripts \"$1\"");
        let input = fs::File::open(file("input", ONE)).expect("a file");
        let mut shell = std::process::Command::new("sh");
        shell.args(["-c", &command]).arg(laneq().get_program()).arg(&dir);
        let ended = shell.stdin(input).stdout(Stdio::null()).status().expect("it starts");
        assert!(ended.success());
        for (path, expected) in [
            (dir.clone(), 0o700),
            (dir.join("a%20b.jsonl"), 0o600),
            (dir.join("index.jsonl"), 0o600),
        ] {
            let mode = fs::metadata(&path).expect("it is there").permissions().mode();
            assert_eq!(mode & 0o7777, expected, "umask {umask}: {path:?}");
        }
    }
}

#[test]
fn a_folder_that_cannot_be_used_is_a_usage_error_that_says_so() {
    let place = file("file", "");
    let output = run(&["--agent", "cat", "--transcripts", text(&place)], ONE);
    assert_eq!(output.code, Some(2));
    assert!(output.stderr.contains("it must be a folder, or not there"), "{}", output.stderr);
}

#[test]
fn p7_a_transcript_that_cannot_be_written_is_an_event_and_the_reply_comes() {
    let dir = folder();
    fs::create_dir(dir.join("a%20b.jsonl")).expect("a folder in its place");
    let output = run(&["--agent", "cat", "--transcripts", text(&dir)], ONE);
    assert_eq!((output.check().replies(), output.code), (vec!["hello"], Some(0)));
    let failed = output.events("transcript.failed");
    assert_eq!((failed.len(), &failed[0]["key"]), (1, &"a b".into()));
    assert!(failed[0]["error"].as_str().is_some_and(|e| e.contains("a%20b.jsonl")));
}
