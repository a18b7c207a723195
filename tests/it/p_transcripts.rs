//! Transcripts: what a session's runs were given, did and answered, whole and in order.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use laneq::{
    Cause, Config, Effects, Engine, Event, Fate, ManualClock, Message, Outcome, Reply, Run, RunId,
    Source,
};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::p_ports::{opened, ready};
use crate::stage::{bench_doing, bench_of, collect, deliver, followup, steer};
use crate::support::{Answer, Bench, LONG, bench, bench_with, until, waits};

fn config(dir: &Path) -> Config {
    let mut config = Config::default().with_queue(|q| q.debounce = Duration::ZERO);
    config.transcripts.dir = Some(dir.to_owned());
    config
}

/// A bench with transcripts in a folder of its own, which is there as long as the second half.
fn transcribed() -> (Bench, TempDir) {
    let dir = tempfile::tempdir().expect("a folder");
    (bench_with(config(dir.path())), dir)
}

/// The lines of a session's transcript. A last one without its newline is still being written.
fn transcript(engine: &Engine, key: &str) -> Vec<Value> {
    let path = engine.transcript(key).expect("there is one");
    let text = fs::read_to_string(path).expect("it can be read");
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    whole.lines().map(|line| serde_json::from_str(line).expect("a whole line")).collect()
}

/// Its records by name, with the run of each.
fn story(engine: &Engine, key: &str) -> Vec<(u64, String)> {
    let about = |line: &Value| (line["run"].as_u64(), line["event"].as_str().map(str::to_owned));
    let lines = transcript(engine, key);
    let records = lines.iter().map(about).filter_map(|(run, event)| Some((run?, event?)));
    records.collect()
}

fn told(run: RunId, events: &[&str]) -> Vec<(u64, String)> {
    events.iter().map(|event| (run.get(), (*event).to_owned())).collect()
}

#[test]
fn a_run_is_told_from_its_batch_to_its_outcome() {
    let (bench, _dir) = transcribed();
    bench.send(followup("first"));
    bench.gate.arrived();
    let source = Source { channel: "irc".to_owned(), peer: "ann".to_owned(), ..Source::default() };
    let full = collect("a").with_id("1").with_sender("ann").with_payload("{\n\"p\": 1.50}");
    let full = full.with_media("[]").with_meta("not json").with_source(source.clone());
    bench.send(full);
    let last = bench.submit(collect("b").with_id("2").with_source(source.clone()));
    bench.gate.open();
    bench.gate.arrived();
    bench.send(steer("s1").with_id("3").with_source(source.clone()));
    bench.gate.ask(deliver);
    bench.gate.ask(|run| {
        let ledger = run.plan(["c1", "c2", "c3"]).expect("the first plan");
        let _ = ledger.start("c1").expect("planned");
        let _ = ledger.start("c2").expect("planned");
        let _ = ledger.finish("c2", Err("no such file".to_owned())).expect("it executes");
        let _ = ledger.finish("c1", Ok("{\"n\":1}".to_owned())).expect("it executes");
        let _ = ledger.finish("c3", Err("unknown tool".to_owned())).expect("planned");
        assert_eq!(ledger.settle().expect("all have ended")[1].effects, Effects::Done);
    });
    bench.send(steer("s2").with_id("4").with_source(source));
    bench.gate.ask(|run| {
        run.say("wait");
        deliver(run)
    });
    bench.gate.open();
    let run = waits(&last).run.expect("it ran");
    let lines = transcript(&bench.engine, "k");
    assert_eq!(lines[0], json!({"transcript": 1, "key": "k"}));
    let mine: Vec<Value> = lines.into_iter().filter(|line| line["run"] == run.get()).collect();
    let irc = &mine[0]["messages"][0]["source"];
    assert_eq!((&irc["channel"], &irc["peer"]), (&json!("irc"), &json!("ann")));
    let at = "1970-01-01T00:00:00.000Z";
    let line = |event: &str, fields: Value| {
        let mut line = json!({"run": run.get(), "at": at, "event": event});
        let all = line.as_object_mut().expect("an object");
        all.extend(fields.as_object().expect("an object").clone());
        line
    };
    let part = |id: &str, text: &str| json!({"id": id, "text": text, "source": irc});
    let results = json!([
        {"call": "c1", "state": "completed", "error": false, "effects": "done", "result": {"n": 1}},
        {"call": "c2", "state": "failed", "error": true, "effects": "done", "result": "no such file"},
        {"call": "c3", "state": "rejected", "error": true, "effects": "none", "code": "rejected",
         "result": "unknown tool"},
    ]);
    let first = json!({"id": "1", "sender": "ann", "text": "a", "source": irc,
        "payload": {"p": 1.5}, "media": [], "meta": "not json"});
    let started = json!({"lane": "main", "attempt": 1, "messages": [first, part("2", "b")],
        "summary": [], "summary_of": 0});
    let reply = mine[5]["text"].as_str().expect("a text");
    assert!(reply.starts_with("re: ") && reply.contains('b'), "{reply}");
    let expected = [
        line("started", started),
        line("steered", json!({"messages": [part("3", "s1")]})),
        line("called", json!({ "results": results })),
        line("said", json!({"text": "wait"})),
        line("steered", json!({"messages": [part("4", "s2")]})),
        line("replied", json!({ "text": reply })),
        line("ended", json!({"outcome": "done", "run_ms": 0.0, "retry": false})),
    ];
    assert_eq!(mine, expected);
    bench.finish();
}

#[test]
fn each_attempt_is_told_and_whether_there_is_another() {
    let (bench, _dir) = transcribed();
    let receipt = bench.submit(followup("x").with_attempts(2));
    bench.gate.arrived();
    bench.send(steer("s"));
    bench.gate.ask(deliver);
    bench.gate.answer(Answer::Fail);
    bench.until_retries(1);
    let first = RunId::new(transcript(&bench.engine, "k")[1]["run"].as_u64().expect("a run"));
    bench.ms(1000);
    bench.gate.arrived();
    assert!(bench.gate.ask(Run::is_new), "it has not been done");
    bench.gate.answer(Answer::Panic);
    let settled = waits(&receipt);
    let second = settled.run.expect("it ran");
    // P5: the attempt failed, and what was delivered to it is in the transcript.
    let expected =
        [told(first, &["started", "steered", "ended"]), told(second, &["started", "ended"])];
    assert_eq!(story(&bench.engine, "k"), expected.concat());
    let lines = transcript(&bench.engine, "k");
    let ends: Vec<_> = lines.iter().filter(|line| line["event"] == "ended").collect();
    assert_eq!((&ends[0]["outcome"], &ends[0]["retry"]), (&json!("failed"), &json!(true)));
    assert_eq!(ends[0]["error"], "planned failure");
    assert_eq!((&ends[1]["outcome"], &ends[1]["retry"]), (&json!("panicked"), &json!(false)));
    assert_eq!(ends[1]["error"], "planned panic");
    assert_eq!(lines[4]["attempt"], 2);
    bench.finish();
}

#[test]
fn a_run_that_was_taken_through_a_port_is_told_from_its_batch() {
    let dir = tempfile::tempdir().expect("a folder");
    let (bench, port) = opened(config(dir.path()));
    let receipt = bench.submit(followup("hello"));
    ready(&port).complete("hi").expect("it lives");
    let run = waits(&receipt).run.expect("it ran");
    let events = ["started", "replied", "ended"];
    assert_eq!(story(&bench.engine, "k"), told(run, &events));
    assert_eq!(transcript(&bench.engine, "k")[1]["messages"][0]["text"], "hello");
    bench.finish();
}

/// Rows of `FAILURES.md`: C35.
#[test]
fn p1_an_abandoned_run_is_told_by_who_abandons_it_and_says_nothing_more() {
    let (bench, _dir) = transcribed();
    let receipt = bench.submit(followup("stuck"));
    bench.gate.arrived();
    let run = bench.gate.ask(Run::id);
    bench.engine.abandon(run).expect("it is live");
    assert_eq!(waits(&receipt).outcome, Some(Outcome::Stopped));
    let whole = [told(run, &["started", "ended"])].concat();
    assert_eq!(story(&bench.engine, "k"), whole);
    let end = &transcript(&bench.engine, "k")[2];
    assert_eq!((&end["outcome"], &end["cause"]), (&json!("stopped"), &json!("abandon")));
    bench.gate.ask(|run| {
        run.say("late");
        let ledger = run.plan(["c"]).expect("the first plan");
        assert_eq!(ledger.settle().expect("nothing executes").len(), 1);
        assert!(run.take_steers().commit().is_ok(), "nothing was taken");
    });
    bench.gate.open();
    let next = bench.submit(followup("next"));
    bench.gate.pass("next");
    let next = waits(&next).run.expect("it ran");
    let all = [whole, told(next, &["started", "replied", "ended"])].concat();
    assert_eq!(story(&bench.engine, "k"), all);
    bench.finish();
}

#[test]
fn the_end_of_a_run_is_in_the_transcript_before_anybody_hears_of_it() {
    let dir = tempfile::tempdir().expect("a folder");
    let bench = bench_doing(config(dir.path()), |run| Ok(Reply::new(run.batch().text())));
    // The lane changes with each run: another worker begins the next.
    let lanes = ["main", "subagent"].into_iter().cycle();
    let message = |(n, lane): (u8, &'static str)| followup(&n.to_string()).with_lane(lane);
    let receipts: Vec<_> = (0..20).zip(lanes).map(message).map(|m| bench.submit(m)).collect();
    for (done, receipt) in receipts.iter().enumerate() {
        let run = waits(receipt).run.expect("it ran");
        let story = story(&bench.engine, "k");
        assert_eq!(story[done * 3..(done + 1) * 3], told(run, &["started", "replied", "ended"]));
    }
    bench.finish();
}

#[test]
fn whoever_reads_meanwhile_sees_whole_lines() {
    let dir = tempfile::tempdir().expect("a folder");
    let text = "x".repeat(10_000);
    // Threads of one run write at once: what is not written in one go is torn apart.
    let bench = bench_doing(config(dir.path()), move |run| {
        std::thread::scope(|scope| {
            (0..4).for_each(|_| {
                scope.spawn(|| (0..20).for_each(|_| run.say(text.clone())));
            });
        });
        Ok(Reply::new("done"))
    });
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            while !over.load(Ordering::SeqCst) {
                let bytes = fs::read(dir.path().join("k.jsonl")).unwrap_or_default();
                // Some file systems show a long write bit by bit: its newline comes last.
                let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
                for line in bytes[..whole].split_inclusive(|byte| *byte == b'\n') {
                    let line: Value = serde_json::from_slice(line).expect("a whole line");
                    assert!(line["transcript"] == 1 || line["event"].is_string());
                }
            }
        });
        for receipt in (0..5).map(|n| bench.submit(followup(&n.to_string()))) {
            waits(&receipt);
        }
        over.store(true, Ordering::SeqCst);
        reader.join().expect("no torn line");
    });
    assert_eq!(transcript(&bench.engine, "k").len(), 1 + 5 * (1 + 80 + 2));
    bench.finish();
}

#[test]
fn a_session_is_new_until_a_run_of_it_was_done_also_across_restarts() {
    let dir = tempfile::tempdir().expect("a folder");
    let round = |answers: [Answer; 2]| {
        let engine = Engine::builder(config(dir.path())).clock(ManualClock::new()).start();
        let (gate, handler) = crate::support::Gate::new();
        let own = bench_of(engine.expect("it starts"), move |run| handler.handle(run));
        let news: Vec<bool> = answers
            .into_iter()
            .map(|answer| {
                let receipt = own.submit(followup("x"));
                gate.arrived();
                let new = gate.ask(Run::is_new);
                gate.answer(answer);
                waits(&receipt);
                new
            })
            .collect();
        own.finish();
        news
    };
    assert_eq!(round([Answer::Fail, Answer::Panic]), [true, true]);
    assert_eq!(round([Answer::Fail, Answer::Done]), [true, true]);
    assert_eq!(round([Answer::Fail, Answer::Done]), [false, false]);
}

#[test]
fn the_index_names_each_file_once_and_closures_have_none() {
    let (bench, dir) = transcribed();
    let keys = ["a/../b", "index", "A"];
    for key in keys.iter().chain(&keys) {
        let receipt = bench.submit(Message::new(*key, "x"));
        bench.gate.arrived();
        let path = bench.gate.ask(Run::transcript).expect("transcripts are on");
        assert_eq!(bench.engine.transcript(key), Some(path));
        bench.gate.open();
        waits(&receipt);
    }
    let closure = bench.engine.enqueue("main", "code", |run| (run.transcript(), run.is_new()));
    let asked = closure.expect("there is room").wait().expect("it runs");
    assert_eq!(asked.reply, Some((None, false)));
    assert_eq!(bench.engine.transcript("code"), None);
    let index = fs::read_to_string(dir.path().join("index.jsonl")).expect("an index");
    let index: Vec<Value> =
        index.lines().map(|line| serde_json::from_str(line).expect("whole")).collect();
    let files = ["a%2f..%2fb.jsonl", "%69ndex.jsonl", "%41.jsonl"];
    let expected: Vec<Value> =
        keys.iter().zip(files).map(|(key, file)| json!({"key": key, "file": file})).collect();
    assert_eq!(index, expected);
    bench.finish();
}

#[test]
fn p7_a_transcript_that_cannot_be_written_is_said_once_and_hurts_no_run() {
    let (bench, dir) = transcribed();
    fs::create_dir(dir.path().join("k.jsonl")).expect("a folder in its place");
    let receipts = ["a", "b"].map(|text| bench.submit(followup(text)));
    ["a", "b"].into_iter().for_each(|text| bench.gate.pass(text));
    for receipt in &receipts {
        let settled = waits(receipt);
        assert_eq!((settled.fate, settled.outcome), (Fate::Ran, Some(Outcome::Done)));
    }
    let failed = bench.settled_book().find(|event| match event {
        Event::TranscriptFailed { key, error } => Some((key.to_string(), error.clone())),
        _ => None,
    });
    assert_eq!(failed.len(), 1, "{failed:?}");
    assert!(failed[0].0 == "k" && failed[0].1.contains("k.jsonl"), "{failed:?}");
    bench.finish();
}

/// Rows of `FAILURES.md`: R16.
#[test]
fn a_stop_and_a_close_are_told_with_their_cause() {
    let (bench, _dir) = transcribed();
    bench.send(followup("a"));
    bench.gate.arrived();
    let _ = bench.engine.interrupt("k").expect("it runs");
    bench.gate.answer(Answer::Fail);
    until("its end", || transcript(&bench.engine, "k").len() == 3);
    assert_eq!(transcript(&bench.engine, "k")[2]["cause"], Cause::Interrupt.as_str());
    let engine = bench.engine.clone();
    bench.send(followup("b"));
    bench.gate.arrived();
    bench.gate.with(|run| assert_eq!(run.token().wait(LONG), Some(Cause::Close)));
    bench.finish();
    let end = &transcript(&engine, "k")[4];
    assert_eq!((&end["event"], &end["cause"]), (&json!("ended"), &json!("close")));
}

#[test]
fn without_a_folder_there_are_no_transcripts_and_nobody_is_new() {
    let bench = bench();
    let receipt = bench.submit(followup("x"));
    bench.gate.arrived();
    assert_eq!(bench.gate.ask(|run| (run.transcript(), run.is_new())), (None, false));
    bench.gate.open();
    waits(&receipt);
    assert_eq!(bench.engine.transcript("k"), None);
    bench.finish();
}
