//! Schedules of the configuration: they fire while the input is open, and keep nothing alive.

use std::fs::{self, File};
use std::io::Write;
use std::path::PathBuf;

use crate::support::{Program, fifo, file, laneq, run};

/// A configuration with this job.
fn settings(job: &str) -> PathBuf {
    file("cron.toml", &format!("[[cron]]\ntext = \"tick\"\n{job}\n"))
}

fn path(path: &std::path::Path) -> &str {
    path.to_str().expect("text")
}

#[test]
fn a_job_fires_while_the_input_is_open() {
    let settings = settings("id = \"Beat\"\nevery = \"50ms\"");
    let mut program = Program::start(&["--config", path(&settings), "--agent", "cat"]);
    for _ in 0..3 {
        let reply = program.event("reply");
        assert_eq!((&reply["key"], &reply["text"]), (&"cron:beat".into(), &"tick".into()));
        assert_eq!(reply["source"], serde_json::json!({"kind": "cron", "id": "Beat"}));
    }
    program.line(r#"{"id":"1","key":"k","text":"t"}"#);
    program.wait_for("the answer", |l| l["event"] == "reply" && l["key"] == "k");
    let output = program.finish();
    let accepted = output.check().check_order().events("message.accepted");
    let lanes: Vec<_> = accepted.iter().map(|l| (l["key"] == "k", l["lane"] == "cron")).collect();
    assert!(lanes.iter().all(|(by_hand, cron)| by_hand != cron), "{accepted:?}");
    assert!(output.events("message.fate").iter().all(|l| l["fate"] == "ran"));
    assert_eq!(output.code, Some(0));
}

#[test]
fn p1_a_job_never_overlaps_itself_and_what_has_begun_is_finished() {
    let gate = fifo("gate");
    let settings = settings("id = \"a\"\nevery = \"50ms\"");
    let agent = format!("sh -c 'cat > /dev/null; read -r _ < {}; echo ok'", gate.display());
    let mut program = Program::start(&["--config", path(&settings), "--agent", &agent]);
    program.event("run.started");
    for _ in 0..3 {
        let skipped = program.event("cron.skipped");
        assert_eq!((&skipped["key"], &skipped["detail"]), (&"cron:a".into(), &"skipped".into()));
    }
    drop(program.stdin.take());
    // A tick that comes before the end of the input is seen finds a gate that is open.
    let mut held = File::options().write(true).open(&gate).expect("the agent waits");
    fs::remove_file(&gate).expect("it is there");
    fs::write(&gate, "go\n").expect("a file");
    held.write_all(b"go\n").expect("the agent reads");
    let output = program.wait();
    assert!(output.check().events("message.fate").iter().all(|l| l["fate"] == "ran"));
    assert_eq!(output.code, Some(0));
}

#[test]
fn a_job_that_is_far_away_does_not_keep_the_program_alive() {
    let settings = settings("id = \"a\"\nschedule = \"0 0 1 1 *\"\ntimezone = \"Asia/Tokyo\"");
    let input = "{\"id\":\"1\",\"key\":\"k\",\"text\":\"t\"}\n";
    let output = run(&["--config", path(&settings), "--agent", "cat"], input);
    assert_eq!((output.check().fate("1"), output.code), ("ran", Some(0)));
    assert_eq!(output.events("message.accepted").len(), 1);
}

#[test]
fn a_schedule_that_cannot_be_understood_is_refused_with_the_jobs_name() {
    let settings = settings("id = \"nightly\"\nschedule = \"0 25 * * *\"");
    let output = run(&["--config", path(&settings)], "");
    assert!(output.lines.is_empty() && output.code == Some(2), "{output:?}");
    let told = "cron job \"nightly\": schedule";
    assert!(output.stderr.contains(told), "{}", output.stderr);
    let checked = laneq().arg("check").arg(&settings).output().expect("it runs");
    let stderr = String::from_utf8(checked.stderr).expect("text");
    assert!(stderr.contains(told) && stderr.contains("cron.toml: "), "{stderr}");
    assert_eq!(checked.status.code(), Some(2));
}
