//! P11 with the program: what was acknowledged comes back, and no reply is lost.

use std::collections::HashMap;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use crate::support::{Output, Program, fifo, file, folder, laneq, run};

fn path(path: &Path) -> &str {
    path.to_str().expect("text")
}

fn message(id: usize, key: usize) -> String {
    format!("{{\"id\":\"{id}\",\"key\":\"k{key}\",\"text\":\"text {id}\",\"mode\":\"followup\"}}\n")
}

/// The ids in the replies, with the attempts that gave them.
fn answered(outputs: &[&Output]) -> HashMap<String, Vec<u64>> {
    let mut all: HashMap<String, Vec<u64>> = HashMap::new();
    for reply in outputs.iter().flat_map(|output| output.events("reply")) {
        let attempt = reply["attempt"].as_u64().expect("a number");
        for id in reply["messages"].as_array().expect("ids") {
            all.entry(id.as_str().expect("text").to_owned()).or_default().push(attempt);
        }
    }
    all
}

#[test]
fn p11_after_a_kill_every_acknowledged_message_is_answered_and_no_reply_is_lost() {
    let journal = folder().join("j.redb");
    let args = ["--agent", "cat", "--journal", path(&journal)];
    let mut first = Program::start(&args);
    (0..60).for_each(|id| first.line(message(id, id % 7).trim_end()));
    for _ in 0..10 {
        first.event("reply");
    }
    first.signal("KILL");
    let first = first.wait();
    let acknowledged: Vec<_> =
        first.events("message.accepted").iter().filter_map(|l| l["id"].as_str()).collect();
    assert!(acknowledged.len() > 10, "{}", acknowledged.len());
    let second = run(&args, "");
    assert_eq!(second.code, Some(0), "{}", second.stderr);
    assert_eq!(second.lines[0]["event"], "engine.started");
    let answered = answered(&[&first, &second]);
    for id in acknowledged {
        let attempts = answered.get(id).map_or(&[][..], Vec::as_slice);
        assert!(!attempts.is_empty(), "{id} was lost");
        assert!(
            attempts.is_sorted_by(|a, b| a < b),
            "{id}: a repeated reply says so: {attempts:?}"
        );
    }
    let third = run(&args, "");
    assert!(third.events("message.accepted").is_empty(), "everything has its fate");
}

#[test]
fn p11_a_journal_that_is_held_or_none_is_named_on_standard_error_and_the_exit_code_is_5() {
    let journal = folder().join("j.redb");
    let args = ["--agent", "cat", "--journal", path(&journal)];
    let mut holder = Program::start(&args);
    holder.event("engine.started");
    let second = run(&args, "");
    assert_eq!((second.code, second.lines.len()), (Some(5), 0));
    let told = format!("the journal is held by process {}", holder.pid());
    assert!(second.stderr.contains(&told), "{}", second.stderr);
    assert_eq!(holder.finish().code, Some(0));
    let other = file("notes.txt", "not a journal\n");
    let settings = file("s.toml", "[journal]\npath = \"/nowhere/at/all\"\n");
    let nowhere = run(&["--config", path(&settings)], "");
    assert!(nowhere.code == Some(5) && nowhere.stderr.contains("/nowhere/at"), "{nowhere:?}");
    let wrong = run(&["--config", path(&settings), "--journal", path(&other)], "");
    assert!(wrong.code == Some(5) && wrong.stderr.contains("notes.txt"), "it wins: {wrong:?}");
}

#[test]
fn p11_messages_that_come_together_share_commits_and_keep_their_order() {
    let journal = folder().join("j.redb");
    let settings = file("s.toml", "[queue]\ncap = 5000\nmax_batch = 1000\ndebounce = \"50ms\"\n");
    let line = |id| message(id, id % 5).replace("followup", "collect");
    let input: String = (0..2000).map(line).collect();
    let args = ["--config", path(&settings), "--agent", "cat", "--journal", path(&journal)];
    let output = run(&args, &input);
    output.check();
    assert_eq!(output.code, Some(0), "{}", output.stderr);
    let accepted = output.events("message.accepted");
    let ids = accepted.iter().map(|l| l["id"].as_str().and_then(|id| id.parse().ok()));
    assert!(ids.eq((0..2000).map(Some::<usize>)), "each once, in order");
    let ran = output.events("message.fate").iter().filter(|l| l["fate"] == "ran").count();
    assert_eq!(ran, 2000);
    let holder = fs::read_to_string(journal.with_extension("redb.lock")).expect("it is there");
    let commits: u64 = holder.split_whitespace().last().and_then(|n| n.parse().ok()).expect("n");
    assert!(commits < 1000, "{commits} commits for 2,000 messages");
}

#[test]
fn p9_with_a_journal_too_a_file_waits_for_room_and_nothing_is_refused() {
    let journal = folder().join("j.redb");
    let settings = file("s.toml", "[queue]\nmode = \"followup\"\ncap = 2\ndrop = \"new\"\n");
    let input = file("input", &(0..40).map(|id| message(id, id % 3)).collect::<String>());
    let output = run(
        &[
            "--config",
            path(&settings),
            "--input",
            path(&input),
            "--agent",
            "cat",
            "--journal",
            path(&journal),
        ],
        "",
    );
    assert_eq!((output.code, output.events("reply").len()), (Some(0), 40), "{}", output.stderr);
}

#[test]
fn p11_a_run_whose_reply_nobody_has_read_comes_back() {
    let journal = folder().join("j.redb");
    let long = "x".repeat(300_000);
    let line =
        |id, text: &str| format!("{{\"id\":\"{id}\",\"key\":\"k{id}\",\"text\":\"{text}\"}}\n");
    let input = file("input", &(line(1, &long) + &line(2, "killed")));
    let gate = fifo("gate");
    // The second is still at work when the output is closed.
    let wait =
        format!("case $LANEQ_KEY in k1) read -r _ < {};; *) sleep 1000;; esac", gate.display());
    let agent = format!("sh -c '{wait}; cat'");
    let mut child = laneq()
        .args(["run", "--agent", &agent, "--journal", path(&journal), "--input", path(&input)])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("it starts");
    let mut stdout = BufReader::with_capacity(64, child.stdout.take().expect("a pipe"));
    let mut line = String::new();
    let mut started = 0;
    while started < 2 {
        line.clear();
        stdout.read_line(&mut line).expect("it writes");
        started += usize::from(line.contains("run.started"));
    }
    fs::write(&gate, "go\n").expect("the agent waits");
    // The reply has begun, and does not fit into the pipe.
    while !line.contains("\"reply\"") {
        let mut part = [0; 64];
        let n = std::io::Read::read(&mut stdout, &mut part).expect("it writes");
        line.push_str(&String::from_utf8_lossy(&part[..n]));
    }
    // Whoever closes it has not read it.
    drop(stdout);
    assert_eq!(child.wait().expect("it ends").code(), Some(6));
    let args = ["--agent", "cat", "--journal", path(&journal)];
    let again = run(&args, "");
    assert_eq!(answered(&[&again]), HashMap::from(["1", "2"].map(|id| (id.to_owned(), vec![2]))));
    assert_eq!((again.code, again.fate("1")), (Some(0), "ran"), "{}", again.stderr);
}

#[test]
fn p11_what_a_drain_leaves_is_kept_and_the_totals_say_so() {
    let (journal, gate) = (folder().join("j.redb"), fifo("gate"));
    let agent = format!("sh -c 'read -r _ < {}; cat'", gate.display());
    let args = ["--agent", &agent, "--journal", path(&journal), "--drain-ms", "0"];
    let mut program = Program::start(&args);
    (0..3).for_each(|id| program.line(message(id, 0).trim_end()));
    program.wait_for("the third", |l| l["event"] == "message.accepted" && l["id"] == "2");
    // Its run has started once the agent reads the gate.
    let held = fs::OpenOptions::new().write(true).open(&gate).expect("the agent reads");
    program.signal("TERM");
    let output = program.wait();
    drop(held);
    output.check();
    let fates = output.events("message.fate");
    assert!(fates.len() == 3 && fates.iter().all(|l| l["fate"] == "returned" && l["kept"] == true));
    assert_eq!(output.code, Some(4));
    assert!(output.stderr.contains("3 of them kept in the journal"), "{}", output.stderr);
    let again = run(&["--agent", "cat", "--journal", path(&journal)], "");
    assert_eq!(again.replies(), ["text 0", "text 1", "text 2"]);
    assert_eq!(again.events("run.started")[0]["attempt"], 2);
}

#[test]
fn p11_parked_messages_of_an_earlier_program_are_listed_and_can_be_requeued() {
    let journal = folder().join("j.redb");
    let settings = file("s.toml", "[queue]\nattempts = 2\nbackoff = \"1ms\"\n");
    let args = |agent| {
        ["--config", path(&settings), "--agent", agent, "--journal", path(&journal)]
            .map(str::to_owned)
    };
    let start = |agent, input: &str| {
        let args = args(agent);
        run(&args.iter().map(String::as_str).collect::<Vec<_>>(), input)
    };
    assert_eq!(start("false", &message(1, 1)).fate("1"), "parked");
    let controls =
        "{\"control\":\"list\",\"n\":1}\n{\"control\":\"requeue\",\"id\":\"1\",\"n\":2}\n";
    let output = start("cat", controls);
    output.check();
    let answers = output.events("control.done");
    let listed = &answers[0]["result"][0];
    assert_eq!((&listed["state"], &listed["attempt"]), (&"parked".into(), &2.into()));
    assert!(listed["age_ms"].as_f64().is_some_and(|age| age > 0.0), "{listed}");
    assert_eq!((&answers[1]["result"], output.replies()), (&"1".into(), vec!["text 1"]));
    assert_eq!((output.code, output.fate("1")), (Some(0), "ran"));
    assert!(
        start("cat", "{\"control\":\"list\",\"n\":1}\n").events("control.done")[0]["result"]
            .as_array()
            .is_some_and(Vec::is_empty)
    );
}

#[test]
fn p11_a_journal_that_fails_ends_the_program_and_what_it_has_is_kept() {
    let journal = folder().join("j.redb");
    assert_eq!(run(&["--agent", "cat", "--journal", path(&journal)], "").code, Some(0));
    let bytes = fs::metadata(&journal).expect("it is there").len();
    let settings = file("s.toml", "[queue]\ncap = 100000\n");
    let gate = fifo("gate");
    // Files may grow to twice of what it is, counted in 512 bytes.
    let limited = format!("trap '' XFSZ; ulimit -f {}; exec \"$@\"", bytes / 256);
    let agent = format!("sh -c 'read -r _ < {}; cat'", gate.display());
    let args = ["--config", path(&settings), "--agent", &agent, "--journal", path(&journal)];
    let mut program = Program::start_with(&[], |command| {
        *command = Command::new("sh");
        command.args(["-c", &limited, "sh"]).arg(laneq().get_program()).arg("run").args(args)
    });
    program.line(message(100_000, 1).trim_end());
    program.event("message.accepted");
    let mut stdin = program.stdin.take().expect("a pipe");
    let feed = std::thread::spawn(move || {
        // Until it reads no more.
        for id in 0..100_000 {
            let line = message(id, 0).replace("text ", &"t".repeat(900));
            if stdin.write_all(line.as_bytes()).is_err() {
                return;
            }
        }
    });
    let failed = program.event("journal.failed");
    assert!(failed["detail"].as_str().is_some_and(|text| text.contains("j.redb")), "{failed}");
    let output = program.wait();
    feed.join().expect("no panic");
    output.check();
    assert_eq!(output.code, Some(5), "{}", output.stderr);
    let fates = output.events("message.fate");
    assert!(!fates.is_empty());
    assert!(fates.iter().all(|l| l["fate"] == "returned" && l["kept"] == true));
}
