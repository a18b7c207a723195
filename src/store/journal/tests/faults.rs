//! A disk that fails: what is answered, what is kept, and what goes on afterwards. P11.

use rustix::io::Errno;

use super::super::{JournalError, Table};
use super::rig::{Act, Entries, Mood, all, apply, brief, commit, folder, knobs, open, put, take};
use crate::config::{JournalKnobs, Sync};

const KIB: [u8; 1024] = [7; 1024];

/// One fault at every place of a commit in turn: (what was answered, how often).
fn at_every_place(act: Act, error: Errno, mut judge: impl FnMut(usize, &JournalError)) -> usize {
    for after in 0.. {
        let (_folder, path) = folder();
        let mood = Mood::default();
        let mut journal = open(&path, &knobs(Sync::Group), &mood).expect("a new file");
        let mut kept = Entries::new();
        let first = [put(Table::Messages, 1, b"first"), put(Table::Marks, 1, b"mark")];
        commit(&mut journal, &first).expect("all is well");
        apply(&mut kept, &first);
        mood.fail(act, after, error);
        let second = [put(Table::Messages, 2, &KIB.repeat(5)), take(Table::Marks, 1)];
        let answer = commit(&mut journal, &second);
        let went_well = answer.is_ok();
        let told = answer.err();
        mood.heal();
        if let Some(error) = &told {
            judge(after, error);
        } else {
            apply(&mut kept, &second);
        }
        let poisoned = matches!(told, Some(JournalError::Poisoned(_)));
        let third = [put(Table::Messages, 3, b"third")];
        match commit(&mut journal, &third) {
            Ok(()) => {
                assert!(!poisoned, "for ever on this handle");
                apply(&mut kept, &third);
            }
            Err(error) if poisoned => assert_eq!(Some(&error), told.as_ref()),
            // Nothing could be written after the sync, not even to look what was made of it: the
            // next one finds it, and says so.
            Err(error) => {
                assert!(matches!(error, JournalError::Poisoned(_)), "{act:?} {after}: {error:?}");
                apply(&mut kept, &second);
            }
        }
        drop(journal);
        let journal = open(&path, &knobs(Sync::Group), &mood).expect("it can be opened anew");
        let mut found = all(&journal).expect("it can be read");
        if poisoned {
            // The one that nobody knows about: all or nothing.
            let mut with = kept.clone();
            apply(&mut with, &second);
            assert!(found == kept || found == with, "{act:?} {after}: {}", brief(&found));
            found.clone_from(&kept);
        }
        let (is, was) = (brief(&found), brief(&kept));
        assert!(found == kept, "{act:?} {after}: {is}, but what was answered is {was}");
        if went_well {
            return after;
        }
    }
    unreachable!("a commit ends")
}

#[test]
fn p11_a_write_that_fails_is_refused_and_the_next_commit_works() {
    let n = at_every_place(Act::Write, Errno::IO, |_, error| {
        assert!(matches!(error, JournalError::Failed(_)), "{error:?}");
    });
    assert!(n >= 3, "{n} writes");
}

#[test]
fn p11_a_write_without_room_says_full_and_works_again_with_room() {
    at_every_place(Act::Write, Errno::NOSPC, |_, error| {
        assert!(matches!(error, JournalError::Full(_)), "{error:?}");
    });
}

#[test]
fn p11_a_sync_that_fails_poisons_the_journal_until_it_is_opened_anew() {
    let n = at_every_place(Act::Sync, Errno::IO, |_, error| {
        assert!(matches!(error, JournalError::Poisoned(_)), "{error:?}");
        assert!(error.is_final());
    });
    assert!(n >= 1, "{n} syncs");
}

#[test]
fn p11_a_disk_without_room_to_grow_says_full_takes_marks_and_works_again_with_room() {
    let (_folder, path) = folder();
    let mood = Mood::default();
    let mut journal = open(&path, &knobs(Sync::Group), &mood).expect("a new file");
    let mut kept = Entries::new();
    mood.fail(Act::Grow, 0, Errno::NOSPC);
    let mut full = None;
    for n in 1..2000 {
        let change = [put(Table::Messages, n, &KIB.repeat(64))];
        match commit(&mut journal, &change) {
            Ok(()) => apply(&mut kept, &change),
            Err(error) => {
                full = Some(error);
                break;
            }
        }
    }
    assert!(matches!(&full, Some(JournalError::Full(_))), "{full:?}");
    let mark = [put(Table::Marks, 1, b"started")];
    assert_eq!(commit(&mut journal, &mark), Ok(()), "it is small, and needs no growth");
    apply(&mut kept, &mark);
    mood.heal();
    let big = [put(Table::Messages, 5000, &KIB.repeat(64))];
    assert_eq!(commit(&mut journal, &big), Ok(()));
    apply(&mut kept, &big);
    drop(journal);
    let journal = open(&path, &knobs(Sync::Group), &mood).expect("it can be opened");
    assert!(all(&journal).expect("it can be read") == kept);
}

#[test]
fn p9_the_bound_of_the_file_is_told_and_its_space_is_used_again() {
    let (_folder, path) = folder();
    let bound = 4 << 20;
    let knobs = JournalKnobs { max_bytes: bound, ..knobs(Sync::Os) };
    let mut journal = open(&path, &knobs, &Mood::default()).expect("a new file");
    let len = || std::fs::metadata(&path).expect("it is there").len();
    let value = KIB.repeat(32);
    let told = (1..).find_map(|n| commit(&mut journal, &[put(Table::Messages, n, &value)]).err());
    let told = told.expect("the bound is reached");
    assert!(matches!(told, JournalError::Full(_)), "{told:?}");
    assert!(told.to_string().contains("journal.max_bytes = 4194304 is reached"), "{told}");
    assert!(len() <= bound);
    let ends: Vec<_> = (1..200).map(|n| take(Table::Messages, n)).collect();
    assert_eq!(commit(&mut journal, &ends), Ok(()), "what ends messages finds room");
    // Ten times the bound, message by message: each has its fate before the next.
    for n in 200..200 + 10 * bound / value.len() as u64 {
        assert_eq!(commit(&mut journal, &[put(Table::Messages, n, &value)]), Ok(()), "{n}");
        assert_eq!(commit(&mut journal, &[take(Table::Messages, n)]), Ok(()), "{n}");
    }
    assert!(len() <= bound, "{} of {bound}", len());
}

#[test]
fn p11_what_cannot_be_read_is_told_as_such_and_not_as_missing() {
    let (_folder, path) = folder();
    let mood = Mood::default();
    let mut journal = open(&path, &knobs(Sync::Group), &mood).expect("a new file");
    let changes: Vec<_> = (1..100).map(|n| put(Table::Messages, n, &KIB)).collect();
    commit(&mut journal, &changes).expect("all is well");
    drop(journal);
    for after in 0.. {
        mood.heal();
        mood.fail(Act::Read, after, Errno::IO);
        match open(&path, &knobs(Sync::Group), &mood).and_then(|journal| all(&journal)) {
            Ok(entries) => {
                assert_eq!(entries.len(), 99);
                assert!(after > 10, "{after} reads");
                break;
            }
            Err(JournalError::Failed(text)) => assert!(text.contains("be read"), "{text}"),
            Err(error) => panic!("{after}: {error:?}"),
        }
    }
}

#[test]
fn p11_a_failed_sync_is_told_even_after_a_failed_write_that_did_no_harm() {
    let (_folder, path) = folder();
    let mood = Mood::default();
    let mut journal = open(&path, &knobs(Sync::Group), &mood).expect("a new file");
    mood.fail(Act::Write, 0, Errno::NOSPC);
    mood.fail(Act::Sync, 0, Errno::IO);
    // More than half of what is kept in memory: some of it is written before the commit.
    let changes: Vec<_> = (1..40).map(|n| put(Table::Messages, n, &KIB.repeat(1024))).collect();
    let first = commit(&mut journal, &changes).expect_err("nothing works");
    assert!(matches!(first, JournalError::Full(_) | JournalError::Poisoned(_)), "{first:?}");
}

#[test]
fn p11_a_commit_is_synced_and_with_sync_os_it_is_not() {
    for (sync, synced) in [(Sync::Group, 2), (Sync::Always, 2), (Sync::Os, 0)] {
        let (_folder, path) = folder();
        let mood = Mood::default();
        let mut journal = open(&path, &knobs(sync), &mood).expect("a new file");
        let before = mood.syncs();
        commit(&mut journal, &[put(Table::Messages, 1, b"text")]).expect("all is well");
        assert_eq!(mood.syncs() - before, synced, "{sync:?}: pages, then the header");
    }
}
