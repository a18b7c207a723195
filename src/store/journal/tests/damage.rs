//! Files that were cut or changed behind our back: told, and never read as less than was there.

use std::path::Path;

use super::super::holder::beside;
use super::super::{Journal, JournalError, JournalView, RedbJournal, Table};
use super::rig::{Dice, Entries, Mood, all, apply, brief, commit, folder, knobs, open, put, take};
use crate::config::Sync;

/// A small journal: its bytes, its witness, what is in it, and what was before the last commit.
struct Copy {
    bytes: Vec<u8>,
    witness: Vec<u8>,
    entries: Entries,
    before: Entries,
}

/// How the journal was left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Left {
    Closed,
    Crashed,
}

fn journal(left: Left) -> Copy {
    let (_folder, path) = folder();
    let mut journal = open(&path, &knobs(Sync::Group), &Mood::default()).expect("a new file");
    let (mut entries, mut before) = (Entries::new(), Entries::new());
    for (n, byte) in (0..20u64).zip(0u8..) {
        before.clone_from(&entries);
        let mut changes = vec![
            put(Table::Messages, n, &vec![byte; 150 * usize::from(byte)]),
            put(Table::Marks, n, b"started"),
            put(Table::Ids, n, b"known"),
        ];
        changes.extend((n > 8).then(|| take(Table::Messages, n - 8)));
        commit(&mut journal, &changes).expect("all is well");
        apply(&mut entries, &changes);
    }
    if left == Left::Closed {
        drop(journal);
    }
    // What is copied of an open one is what a crash at this moment leaves.
    let bytes = std::fs::read(&path).expect("it is there");
    let witness = std::fs::read(beside(&path)).expect("so is the witness");
    Copy { bytes, witness, entries, before }
}

/// Opens a file with these bytes; what is in it, unless it is told that it is damaged.
fn read(path: &Path, bytes: &[u8], witness: Option<&[u8]>) -> Option<Entries> {
    std::fs::write(path, bytes).expect("the copy is written");
    match witness {
        Some(witness) => std::fs::write(beside(path), witness).expect("so is the witness"),
        None => drop(std::fs::remove_file(beside(path))),
    }
    let opened = RedbJournal::open(path, &knobs(Sync::Os));
    match opened.and_then(|journal| Ok((all(&journal)?, journal.name().len()))) {
        Ok((entries, _)) => Some(entries),
        Err(JournalError::Damaged(text) | JournalError::Format(text)) => {
            assert!(text.contains("journal.redb"), "{text}");
            None
        }
        Err(error) => panic!("{error:?}"),
    }
}

/// How many of some changed copies are told, and how many still hold everything.
#[derive(Debug, Default)]
struct Tally {
    told: usize,
    whole: usize,
}

/// Each copy of a journal, changed in one way, opened twice: the second time must not make less of
/// it than the first.
fn each(copy: &Copy, n: usize, mut change: impl FnMut(usize, &mut Vec<u8>) -> String) -> Tally {
    let (_folder, path) = folder();
    let mut tally = Tally::default();
    for i in 0..n {
        let mut bytes = copy.bytes.clone();
        let what = change(i, &mut bytes);
        match read(&path, &bytes, Some(&copy.witness)) {
            None => {
                tally.told += 1;
                if i % 8 == 0 {
                    let again = RedbJournal::open(&path, &knobs(Sync::Os));
                    let found = again.and_then(|journal| all(&journal));
                    let same = found.as_ref().is_ok_and(|found| *found == copy.entries);
                    assert!(found.is_err() || same, "{what}: the second time it is fine");
                }
            }
            Some(found) => {
                let (is, was) = (brief(&found), brief(&copy.entries));
                assert!(found == copy.entries, "{what}: {is} was read, {was} was written");
                tally.whole += 1;
            }
        }
    }
    tally
}

fn flip(bytes: &mut [u8], bit: usize) -> String {
    bytes[bit / 8] ^= 1 << (bit % 8);
    format!("byte {}, bit {}", bit / 8, bit % 8)
}

/// The offsets that are in use at all: the file is mostly empty.
fn used(bytes: &[u8]) -> Vec<usize> {
    (0..bytes.len()).filter(|at| bytes[*at] != 0).collect()
}

/// `LANEQ_FAULTS=full` tries every bit of the header, where otherwise one in twenty is tried, and
/// more of the rest.
fn thrift() -> usize {
    if std::env::var("LANEQ_FAULTS").is_ok_and(|value| value == "full") { 1 } else { 20 }
}

fn flips(left: Left) {
    let copy = journal(left);
    let thrift = thrift();
    // The first bytes, which say how to read the others, and then the commit slots.
    let header = each(&copy, 80 + 310 * 8 / thrift, |i, bytes| match i {
        0..80 => flip(bytes, i),
        _ => flip(bytes, 80 + (i - 80) * thrift),
    });
    assert!(header.told > 200 / thrift, "{left:?}: {header:?}");
    let (used, mut dice) = (used(&copy.bytes), Dice::new(7));
    let rest = each(&copy, 2100 / thrift, |_, bytes| {
        let at = used[dice.index(used.len())];
        flip(bytes, at * 8 + dice.index(8))
    });
    assert!(rest.told > 100 / thrift, "{left:?}: {rest:?}");
}

#[test]
fn p11_a_flipped_bit_in_a_closed_journal_is_told_or_harmless() {
    flips(Left::Closed);
}

#[test]
fn p11_a_flipped_bit_in_a_crashed_journal_is_told_or_harmless() {
    flips(Left::Crashed);
}

/// A reader beside it is told as well, and never panics.
#[test]
fn p11_a_changed_byte_is_told_to_whoever_looks() {
    let copy = journal(Left::Closed);
    let (_folder, path) = folder();
    let (used, mut dice, mut told) = (used(&copy.bytes), Dice::new(5), 0);
    for i in 0..6000 / thrift() {
        let mut bytes = copy.bytes.clone();
        // The small numbers of a page's head and of the list of tables, most of all.
        bytes[used[dice.index(used.len())]] = [0, 1, 255][i % 3];
        std::fs::write(&path, &bytes).expect("the copy is written");
        std::fs::write(beside(&path), &copy.witness).expect("so is the witness");
        let each = |view: JournalView| view.each(|_| Ok(()));
        told += usize::from(JournalView::open(&path).and_then(each).is_err());
    }
    assert!(told > 100 / thrift(), "{told}");
}

#[test]
fn p11_a_journal_that_was_cut_is_told() {
    for left in [Left::Closed, Left::Crashed] {
        let copy = journal(left);
        let (len, mut dice) = (copy.bytes.len(), Dice::new(3));
        let pages = len / 4096 / thrift();
        let cut = each(&copy, pages + 300 / thrift(), |i, bytes| {
            let page = i * thrift() * 4096;
            let to = if i < pages { page } else { dice.index(len) };
            bytes.truncate(to);
            format!("{left:?}, cut at {to}")
        });
        // After a crash the file may end in room that nothing uses yet: a cut there takes nothing.
        let all = pages + 300 / thrift();
        assert!(cut.told + cut.whole == all && cut.whole <= all / 100, "{left:?}: {cut:?}");
    }
}

/// What can be known without the witness: the commit before the last one may pass for the last.
#[test]
fn p11_without_its_witness_a_damaged_journal_is_told_or_whole_or_one_commit_behind() {
    let copy = journal(Left::Crashed);
    let (_folder, path) = folder();
    let (used, mut dice, mut behind) = (used(&copy.bytes), Dice::new(11), 0);
    for i in 0..80 + 840 / thrift() {
        let mut bytes = copy.bytes.clone();
        let bit = match i {
            0..80 => i,
            _ if i % 2 == 0 => 64 * 8 + dice.index(256 * 8),
            _ => used[dice.index(used.len())] * 8 + dice.index(8),
        };
        let what = flip(&mut bytes, bit);
        if let Some(found) = read(&path, &bytes, None) {
            assert!(found == copy.entries || found == copy.before, "{what}: {}", brief(&found));
            behind += usize::from(found == copy.before);
        }
    }
    // The bit that says which of the two commits is the last one.
    assert!(behind > 0, "then the witness would not be needed");
}

#[test]
fn p11_a_journal_that_is_gone_while_its_witness_stays_is_told() {
    let copy = journal(Left::Closed);
    let (_folder, path) = folder();
    assert_eq!(read(&path, &[], Some(&copy.witness)), None);
    std::fs::remove_file(&path).expect("it is there");
    assert!(matches!(RedbJournal::open(&path, &knobs(Sync::Os)), Err(JournalError::Damaged(_))));
    // Without the witness it is a new journal: nobody can know better.
    assert_eq!(read(&path, &[], None), Some(Entries::new()));
}

/// The witness as it would be had the journal been written with `sync = "os"`.
fn unsynced(witness: &[u8]) -> Vec<u8> {
    let text = str::from_utf8(witness).expect("a line");
    let other = text.replacen("sync group ", "sync os    ", 1);
    assert_ne!(text, other);
    other.into()
}

/// A file that has lost its first bytes is no new journal, whatever lies beside it.
#[test]
fn p11_a_file_that_does_not_begin_like_a_journal_is_refused_and_left_as_it_is() {
    let (_folder, path) = folder();
    for left in [Left::Closed, Left::Crashed] {
        let copy = journal(left);
        let (unsynced, garbled) = (unsynced(&copy.witness), b"held by nobody".to_vec());
        let beside_it = [Some(&copy.witness), Some(&unsynced), Some(&garbled), None];
        let zeroed = |at: usize| {
            let mut bytes = copy.bytes.clone();
            bytes[at] = 0;
            bytes
        };
        let magic = (0..9).map(zeroed);
        let short = [vec![0], vec![0; 8], vec![0; copy.bytes.len()]];
        for (n, bytes) in magic.chain(short).enumerate() {
            for witness in beside_it {
                assert_eq!(read(&path, &bytes, witness.map(Vec::as_slice)), None, "{left:?} {n}");
                let error = JournalView::open(&path).expect_err("no journal");
                assert!(error.to_string().contains("restore"), "what is to be done: {error}");
                assert!(std::fs::read(&path).expect("it is there") == bytes, "left as it is");
            }
        }
    }
}

/// However it was synced, and whatever has become of its witness: a file that was there is missed.
#[test]
fn p11_a_journal_that_is_gone_is_missed_unless_nothing_tells_of_it() {
    let (copy, (_folder, path)) = (journal(Left::Closed), folder());
    assert_eq!(read(&path, &[], Some(&unsynced(&copy.witness))), None, "not synced");
    for at in 0..copy.witness.len() {
        for byte in [b'0', b'x', 0, 255] {
            let mut witness = copy.witness.clone();
            witness[at] = byte;
            assert_eq!(read(&path, &[], Some(&witness)), None, "byte {at} is {byte}");
        }
    }
    // What a loss of power may leave of a witness that was made a moment ago.
    for nothing in [Vec::new(), vec![0; copy.witness.len()]] {
        assert_eq!(read(&path, &[], Some(&nothing)), Some(Entries::new()));
    }
}

/// Somebody takes it away while it is open: what was answered is not forgotten over a new file.
#[test]
fn p11_a_journal_that_vanishes_while_it_is_open_is_told_at_the_next_failure() {
    for gone in [|path: &Path| std::fs::remove_file(path), |path: &Path| std::fs::write(path, [])] {
        let ((_folder, path), mood) = (folder(), Mood::default());
        let mut journal = open(&path, &knobs(Sync::Group), &mood).expect("a new file");
        commit(&mut journal, &[put(Table::Messages, 1, b"first")]).expect("all is well");
        mood.fail(super::rig::Act::Write, 0, rustix::io::Errno::IO);
        gone(&path).expect("nobody keeps it");
        let told = commit(&mut journal, &[put(Table::Messages, 2, b"second")]);
        mood.heal();
        let again = commit(&mut journal, &[put(Table::Messages, 3, b"third")]);
        assert!(told.is_err());
        assert!(matches!(again, Err(JournalError::Damaged(_))), "{again:?}");
        drop(journal);
        let anew = RedbJournal::open(&path, &knobs(Sync::Group));
        assert!(matches!(anew, Err(JournalError::Damaged(_))), "{anew:?}");
    }
}
