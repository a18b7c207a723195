//! P11 on a real file: one holder, one format, nothing of it readable by others.

use std::os::unix::fs::PermissionsExt;

use laneq::{Closed, Config, Engine, Error, JournalError, JournalKnobs, RedbJournal};

use super::p11_recovery::message;
use super::support::{Gate, LONG};

fn config(path: &std::path::Path) -> Config {
    let journal = JournalKnobs { path: Some(path.into()), ..JournalKnobs::default() };
    Config { journal, ..Config::default() }
}

fn start(path: &std::path::Path) -> (Engine, Gate) {
    let (gate, handler) = Gate::new();
    let engine = Engine::new(config(path)).expect("the settings are fine");
    engine.on_run("main", move |run| handler.handle(run)).expect("set once");
    (engine, gate)
}

#[test]
fn p11_a_file_keeps_what_was_accepted_and_a_second_holder_is_told_of_the_first() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("journal.redb");
    let (engine, gate) = start(&path);
    let receipt = engine.submit(message("k", "text")).expect("accepted");
    assert_eq!(gate.arrived(), "text");
    let error = Engine::new(config(&path)).err();
    let pid = std::process::id();
    let real = path.canonicalize().expect("it exists");
    let told = format!("{}: the journal is held by process {pid}", real.display());
    assert_eq!(error, Some(Error::Journal(told)));
    let link = folder.path().join("link");
    std::os::unix::fs::symlink(&path, &link).expect("a link");
    assert!(Engine::new(config(&link)).is_err(), "by another name, too");
    let hard = folder.path().join("hard");
    std::fs::hard_link(&path, &hard).expect("a link");
    assert!(Engine::new(config(&hard)).is_err(), "by a second name of the file, too");
    let mode = std::fs::metadata(&path).expect("it exists").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    gate.open();
    assert_eq!(receipt.wait().map(|s| s.fate), Ok(laneq::Fate::Ran));
    let failed = engine.submit(message("k", "next")).expect("accepted");
    assert_eq!(gate.arrived(), "next");
    gate.answer(super::support::Answer::Fail);
    assert_eq!(failed.wait().map(|s| s.fate), Ok(laneq::Fate::Ran));
    assert_eq!(engine.close(LONG), Ok(Closed::Closed));
    let (engine, gate) = start(&path);
    let came = engine.recover(|_| ()).expect("it can be read");
    assert_eq!(came.pending + came.retried, 0, "what failed by itself has its fate");
    drop(gate);
    assert_eq!(engine.close(LONG), Ok(Closed::Closed));
}

#[test]
fn p11_a_file_of_something_else_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("notes.txt");
    std::fs::write(&path, "not a journal".repeat(1000)).expect("a file");
    let error = RedbJournal::open(&path, &JournalKnobs::default()).expect_err("no journal");
    assert!(matches!(error, JournalError::Format(_)), "{error:?}");
    assert_eq!(std::fs::read(&path).expect("it is there").len(), 13_000, "and left alone");
}
