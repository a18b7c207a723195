//! Bytes as changes to the file of a journal: it is read, whole, or it is told what is wrong. Never
//! a panic, and never less than was there.

#![no_main]

#[path = "../plant.rs"]
mod plant;

use std::path::PathBuf;
use std::sync::LazyLock;

use laneq::{Change, Journal, JournalError, JournalKnobs, JournalView, RedbJournal, Sync, Table};

const ENTRIES: u8 = 12;

/// A folder for the copies, the journal's bytes, and those of its witness.
static WHOLE: LazyLock<(PathBuf, Vec<u8>, Vec<u8>)> = LazyLock::new(|| {
    // Memory, where there is some: a file a round.
    let memory = PathBuf::from("/dev/shm");
    let base = if memory.is_dir() { memory } else { std::env::temp_dir() };
    let folder = base.join(format!("laneq-fuzz-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let path = folder.join("whole.redb");
    // Each commit is on the disk, and its witness says so.
    let mut journal = RedbJournal::open(&path, &JournalKnobs::default()).expect("a new file");
    for n in 0..ENTRIES {
        let value = Some(vec![n; 40 * usize::from(n)].into());
        let change = Change { table: Table::Messages, key: u64::from(n).to_be_bytes().into(), value };
        journal.commit(&[&change]).expect("all is well");
    }
    drop(journal);
    let read = |path: PathBuf| std::fs::read(path).expect("it is there");
    (folder.clone(), read(path.clone()), read(witness(&path)))
});

fn witness(path: &std::path::Path) -> PathBuf {
    PathBuf::from(format!("{}.lock", path.display()))
}

fn knobs() -> JournalKnobs {
    let mut knobs = JournalKnobs::default();
    knobs.sync = Sync::Os;
    knobs
}

/// The fuzzer ends with any panic. Those of the library that reads the file are caught, and told as
/// damage: they are none of ours.
fn spare_redb() {
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let place = panic.location().map_or("", |at| at.file());
        if !place.contains("/redb-") {
            before(panic);
        }
    }));
}

static SPARED: LazyLock<()> = LazyLock::new(spare_redb);

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    LazyLock::force(&SPARED);
    let (folder, whole, signed) = &*WHOLE;
    let (mut file, mut lock) = (whole.clone(), signed.clone());
    let mut rest = bytes;
    // Where, in which file, and what is there instead; a last odd byte cuts the file.
    while let [which, a, b, c, byte, more @ ..] = rest {
        let of = if *which == 255 { &mut lock } else { &mut file };
        let at = usize::from(*a) << 16 | usize::from(*b) << 8 | usize::from(*c);
        let at = at % of.len().max(1);
        match of.get_mut(at) {
            Some(there) => *there = *byte,
            None => of.push(*byte),
        }
        rest = more;
    }
    if let [cut] = rest {
        file.truncate(file.len() * usize::from(*cut) / 256);
    }
    let path = folder.join("copy.redb");
    std::fs::write(&path, &file).expect("the copy is written");
    std::fs::write(witness(&path), &lock).expect("so is the witness");
    looked_at(&path);
    opened(&path, &file, file == *whole, lock == *signed);
});

fn told(error: &JournalError) {
    assert!(!error.to_string().trim().is_empty());
    // The files of the corpus leave the first nine bytes alone.
    plant::panics(error.to_string().contains("not a journal"));
}

fn looked_at(path: &std::path::Path) {
    match JournalView::open(path) {
        Err(error) => told(&error),
        // The values are no messages: whatever it says of them, it says in words.
        Ok(view) => {
            if let Err(error) = view.each(|_| Ok(())) {
                assert!(!error.to_string().trim().is_empty());
            }
        }
    }
}

fn opened(path: &std::path::Path, file: &[u8], is_whole: bool, is_signed: bool) {
    let journal = match RedbJournal::open(path, &knobs()) {
        Ok(journal) => journal,
        Err(error) => {
            assert!(!(is_whole && is_signed), "it is whole: {error}");
            return told(&error);
        }
    };
    let mut found = 0;
    let read = journal.read(Table::Messages, &mut |key, value| {
        let n = u8::try_from(u64::from_be_bytes(key.try_into().expect("eight bytes"))).expect("few");
        assert_eq!(value, vec![n; 40 * usize::from(n)], "another value than was written");
        found += 1;
        Ok(())
    });
    match read {
        // Without its witness, the commit before may pass for the last one, and an empty file for a
        // new journal. Only one without a byte is empty.
        Ok(()) if !is_signed && file.is_empty() => assert!(found == 0 || found == ENTRIES),
        Ok(()) if !is_signed => assert!(found + 1 >= ENTRIES, "{found} of {ENTRIES} are left"),
        Ok(()) => assert_eq!(found, ENTRIES, "less than was there, and nobody is told"),
        Err(error) => told(&error),
    }
}
