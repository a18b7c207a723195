//! A second opener, the modes of the files, and what outsiders may put beside them.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use laneq::{JournalError, JournalKnobs, RedbJournal};

use super::books::{Books, Heard};
use super::child::Orders;

/// Rows of `FAILURES.md`: F28.
#[test]
fn p11_a_second_process_is_told_who_holds_the_journal() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("journal.redb");
    let mut heard = Heard::to(Orders::new(&path).load(0, u32::MAX).command(&[]));
    heard.until("ack");
    let error = RedbJournal::open(&path, &JournalKnobs::default()).expect_err("it is held");
    let pid = heard.child.id();
    assert!(matches!(error, JournalError::Locked(_)), "{error:?}");
    assert!(error.to_string().ends_with(&format!("held by process {pid}")), "{error}");
    let mut books = Books::default();
    let mut second = Heard::to(Orders::new(&path).load(1, 1).command(&[]));
    second.until("error");
    books.enter(second).expect("nothing ran twice");
    assert!(books.of("error").join(" ").contains(&pid.to_string()), "{:?}", books.said);
    heard.child.kill().expect("it lives");
    Books::default().enter(heard).expect("all is well");
    RedbJournal::open(&path, &JournalKnobs::default()).expect("it is free");
}

fn mode(path: &Path) -> u32 {
    path.metadata().expect("it is there").permissions().mode() & 0o777
}

/// Rows of `FAILURES.md`: S3.
#[test]
fn s3_nobody_else_can_read_a_journal_whatever_the_umask() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("journal.redb");
    let command =
        Orders::new(&path).load(0, 3).command(&["sh", "-c", "umask 0; exec \"$@\"", "sh"]);
    let mut books = Books::default();
    books.enter(Heard::to(command)).and_then(|_| books.check()).expect("all is well");
    assert_eq!(books.of("done").len(), 1, "{:?}", books.said);
    let modes: Vec<_> = std::fs::read_dir(folder.path())
        .expect("a folder")
        .map(|entry| entry.expect("an entry").path())
        .map(|path| (mode(&path), path))
        .collect();
    assert!(modes.len() >= 2 && modes.iter().all(|(mode, _)| *mode == 0o600), "{modes:?}");
}

/// Rows of `FAILURES.md`: S3.
#[test]
fn s3_what_lies_beside_a_journal_is_not_followed_elsewhere() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("journal.redb");
    let precious = folder.path().join("precious");
    std::fs::write(&precious, "precious").expect("a file");
    for beside in ["journal.redb.lock", "journal.redb.new"] {
        let link = folder.path().join(beside);
        std::os::unix::fs::symlink(&precious, &link).expect("a link");
        let opened = RedbJournal::open(&path, &JournalKnobs::default());
        assert_eq!(opened.is_err(), beside.ends_with("lock"), "{beside}");
        drop(opened);
        assert_eq!(std::fs::read(&precious).expect("it is there"), b"precious", "{beside}");
        let _ = std::fs::remove_file(&link);
    }
}

/// Rows of `FAILURES.md`: S6.
#[test]
fn s6_a_witness_of_any_length_is_read_no_further_than_its_line() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("journal.redb");
    drop(RedbJournal::open(&path, &JournalKnobs::default()).expect("a new journal"));
    let witness = std::fs::File::create(folder.path().join("journal.redb.lock")).expect("a file");
    // Nobody has so much memory.
    witness.set_len(1 << 42).expect("the file system takes it");
    let opened = RedbJournal::open(&path, &JournalKnobs::default());
    assert!(opened.is_ok(), "{opened:?}");
}
