//! Faults that the kernel makes for us: `strace` injects them, `unshare` and `mount` make small and
//! read-only disks, the shell sets limits. Where a tool is missing, the test says so loudly; under
//! `CI` that is a failure.

use std::path::Path;
use std::process::{Command, Stdio};

use super::books::{Books, Heard};
use super::child::Orders;

/// Whether a tool works here, as a command that does nothing shows.
fn works(probe: &[&str]) -> bool {
    let mut command = Command::new(probe[0]);
    command.args(&probe[1..]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    if command.status().is_ok_and(|status| status.success()) {
        return true;
    }
    assert!(std::env::var_os("CI").is_none(), "{probe:?} does not work, and CI needs it");
    eprintln!("NOT TESTED: {probe:?} does not work here");
    false
}

fn strace() -> bool {
    works(&["strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=none", "true"])
}

fn mounts() -> bool {
    works(&["unshare", "-m", "sh", "-c", "mount -t tmpfs -o size=64k none /mnt"])
}

fn everywhere() -> bool {
    std::env::var("LANEQ_FAULTS").is_ok_and(|value| value == "full")
}

/// The places of a fault: all of these, or a few of them.
fn places(most: usize, few: &[usize]) -> Vec<usize> {
    if everywhere() { (1..=most).collect() } else { few.to_vec() }
}

/// Runs a child with something done to it, then one that recovers; answers what the first said.
fn told(orders: &Orders, before: &[&str], what: &str) -> Books {
    let mut books = Books::default();
    let entered = books.enter(Heard::to(orders.clone().load(0, 24).command(before)));
    let entered = entered.unwrap_or_else(|error| panic!("{what}: {error}"));
    if !entered.success() && entered.code().is_some_and(|code| code != 137) {
        panic!("{what}: the child ended with {entered}: {:?}", books.said);
    }
    let said = std::mem::take(&mut books.said);
    recovers(&mut books, orders, what);
    books.said = said;
    books
}

/// Everything that was acknowledged runs once the journal is opened anew.
fn recovers(books: &mut Books, orders: &Orders, what: &str) {
    let orders = orders.clone().load(1, 3);
    let entered = books.enter(Heard::to(orders.command(&[])));
    entered.and_then(|_| books.check()).unwrap_or_else(|error| panic!("{what}: {error}"));
    assert_eq!(books.of("done").len(), 1, "{what}: {:?}", books.said);
    assert!(books.of("fate").is_empty(), "{what}: {:?}", books.said);
}

/// One `strace` rule, for the system calls on the journal itself.
fn injected(call: &str, fault: &str, when: usize) -> Books {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().canonicalize().expect("it exists").join("journal.redb");
    // A journal that exists: `strace -P` wants the path to be there.
    let orders = Orders { threads: 1, ..Orders::new(&path) };
    let mut books = Books::default();
    books.enter(Heard::to(orders.clone().command(&[]))).expect("a new journal");
    let rule = format!("inject={call}:{fault}:when={when}");
    let path = path.to_str().expect("an ordinary path");
    let trace = format!("trace={call}");
    let before = ["strace", "-f", "-qq", "-o", "/dev/null", "-P", path, "-e", &trace, "-e", &rule];
    told(&orders, &before, &rule)
}

/// Rows of `FAILURES.md`: F27.
#[test]
fn p11_after_a_failed_fdatasync_nothing_is_acknowledged_and_the_host_is_told_why() {
    if !strace() {
        return;
    }
    let mut poisoned = 0;
    for when in places(20, &[3, 8, 15]) {
        // From this one on all fail, as they do on a disk that is gone.
        let books = injected("fdatasync", "error=EIO", when);
        let refused = books.of("refused");
        if refused.is_empty() {
            continue;
        }
        assert!(refused[0].contains("could not be synced"), "{}", refused[0]);
        let done = books.of("done").join(" ");
        assert!(done.contains("Poisoned"), "{when}: the host is not told: {done}");
        // One submitter: whatever it submitted after the first refusal was refused.
        let first = number_of(refused[0]);
        assert_eq!(refused.len() as u32, 24 - first, "{when}: acknowledged after a failed sync");
        poisoned += 1;
    }
    assert!(poisoned > 0, "no sync was hit");
}

/// The last part of the id of a line.
fn number_of(line: &str) -> u32 {
    let id = line.split(' ').nth(1).and_then(|id| id.rsplit('.').next());
    id.and_then(|n| n.parse().ok()).expect("an id of ours")
}

/// Rows of `FAILURES.md`: F26.
#[test]
fn p11_a_write_that_finds_no_room_is_refused_and_nothing_acknowledged_is_lost() {
    if !strace() {
        return;
    }
    for when in places(30, &[12, 30]) {
        for error in ["error=ENOSPC", "error=EIO"] {
            injected("pwrite64", error, when);
        }
    }
}

#[test]
fn p11_growth_that_finds_no_room_is_refused_and_nothing_acknowledged_is_lost() {
    if !strace() {
        return;
    }
    for call in ["fallocate", "ftruncate"] {
        for when in places(3, &[1]) {
            injected(call, "error=ENOSPC", when);
        }
    }
}

/// Rows of `FAILURES.md`: F29.
#[test]
fn p11_kill_9_at_a_write_or_a_sync_loses_nothing_that_was_acknowledged() {
    if !strace() {
        return;
    }
    for when in places(30, &[1, 7, 19]) {
        injected("pwrite64", "signal=KILL", when);
        injected("fdatasync", "signal=KILL", when);
    }
}

/// Rows of `FAILURES.md`: F26.
#[test]
fn p11_a_full_disk_refuses_with_the_reason_and_takes_messages_again_once_there_is_room() {
    if !mounts() {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let disk = folder.path().join("disk");
    std::fs::create_dir(&disk).expect("a folder");
    let (path, ballast) = (disk.join("journal.redb"), disk.join("ballast"));
    let script = format!(
        "mount -t tmpfs -o size=8m none {0} && head -c 4m /dev/zero > {0}/ballast && exec \"$@\"",
        disk.display()
    );
    let (threads, bytes, ballast) = (1, 30_000, Some(ballast));
    let orders = Orders { threads, bytes, ballast, ..Orders::new(&path) }.load(0, 900);
    let mut books = Books::default();
    let command = orders.command(&["unshare", "-m", "sh", "-c", &script, "sh"]);
    books.enter(Heard::to(command)).and_then(|_| books.check()).expect("the books are right");
    let refused = books.of("refused");
    assert!(refused.first().is_some_and(|line| line.contains("no room")), "{:?}", books.said);
    assert!(books.acknowledged > 20, "{} acknowledged", books.acknowledged);
    let done = books.of("done").join(" ");
    assert!(done.ends_with("None"), "it did not recover: {done}");
}

#[test]
fn p11_a_limit_on_the_size_of_files_is_a_refusal() {
    let folder = tempfile::tempdir().expect("a folder");
    let orders = Orders { bytes: 30_000, ..Orders::new(&folder.path().join("journal.redb")) };
    // Blocks of 512 bytes or of 1 KiB, as the shell likes.
    let script = "trap '' XFSZ; ulimit -f 4000; exec \"$@\"";
    let orders = Orders { threads: 1, ballast: Some(folder.path().join("ballast")), ..orders };
    std::fs::write(folder.path().join("ballast"), "").expect("a file");
    let mut books = Books::default();
    let command = orders.load(0, 900).command(&["sh", "-c", script, "sh"]);
    books.enter(Heard::to(command)).and_then(|_| books.check()).expect("the books are right");
    let refused = books.of("refused");
    assert!(refused.first().is_some_and(|line| line.contains("no room")), "{:?}", books.said);
}

#[test]
fn p11_a_read_only_disk_is_named_when_the_engine_starts() {
    if !mounts() {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("journal.redb");
    let orders = Orders::new(&path);
    let once = |before: &[&str]| {
        let mut books = Books::default();
        books.enter(Heard::to(orders.clone().command(before))).expect("it says what is wrong");
        books
    };
    let remount = |folder: &Path| {
        let folder = folder.display();
        format!(
            "mount --bind {folder} {folder} && mount -o remount,ro,bind {folder} && exec \"$@\""
        )
    };
    let script = remount(folder.path());
    for exists in [false, true] {
        let books = once(&["unshare", "-m", "sh", "-c", &script, "sh"]);
        let errors = books.of("error").join(" ");
        let named = errors.contains("journal.redb") && errors.contains("Read-only file system");
        assert!(named, "exists: {exists}: {:?}", books.said);
        assert_eq!(once(&[]).of("done").len(), 1, "and elsewhere all is well");
    }
}
