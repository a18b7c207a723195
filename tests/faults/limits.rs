//! A process that gets no memory, and one that gets no threads.

use std::os::unix::process::ExitStatusExt;

use super::books::{Books, Heard};
use super::child::Orders;

/// An allocation that fails ends the process, as it does in every Rust program: the journal is
/// what such an end leaves whole. The host's own limits (`limits.max_bytes`) come first where they
/// are set with the machine in mind.
///
/// Rows of `FAILURES.md`: F35.
#[test]
fn p11_a_process_without_memory_loses_nothing_that_was_acknowledged() {
    let folder = tempfile::tempdir().expect("a folder");
    let orders = Orders::new(&folder.path().join("journal.redb"));
    let mut books = Books::default();
    // Runs wait until a message is refused, and none is before the memory is full.
    let (ballast, bytes) = (Some(folder.path().join("ballast")), 900_000);
    let greedy = Orders { ballast, bytes, max_bytes: 4 << 30, ..orders.clone() }.load(0, 300);
    let limited = ["sh", "-c", "ulimit -v 400000; exec \"$@\"", "sh"];
    let ended = books.enter(Heard::to(greedy.command(&limited))).expect("nothing ran twice");
    assert_eq!(ended.signal(), Some(6), "it was to run out of memory: {:?}", books.said);
    assert!(books.acknowledged > 0, "{:?}", books.said);
    let next = Heard::to(orders.load(1, 3).command(&[]));
    books.enter(next).and_then(|_| books.check()).expect("all that was acknowledged runs");
    assert_eq!(books.of("done").len(), 1, "{:?}", books.said);
}

/// Rows of `FAILURES.md`: F36.
#[test]
fn a_process_that_may_start_no_thread_is_told_so_and_not_ended() {
    let folder = tempfile::tempdir().expect("a folder");
    let orders = Orders::new(&folder.path().join("journal.redb")).load(0, 1);
    let mut command = orders.command(&[]);
    // No system has room for such a stack.
    command.env("RUST_MIN_STACK", (1_u64 << 46).to_string());
    let mut books = Books::default();
    let ended = books.enter(Heard::to(command)).expect("all is well");
    let told = books.of("error").join(" ");
    assert!(ended.success() && told.contains("thread"), "{ended}: {:?}", books.said);
    // What had begun is over: the file is free.
    books.enter(Heard::to(orders.command(&[]))).expect("all is well");
    assert_eq!(books.of("done").len(), 1, "{:?}", books.said);
}
