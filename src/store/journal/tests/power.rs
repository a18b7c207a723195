//! A loss of power at any moment: only what was synced is sure to be there. P11.

use std::io;
use std::ops::Bound;
use std::path::Path;

use redb::backends::FileBackend;
use redb::{BackendError, StorageBackend};

use super::super::disk::Between;
use super::super::holder::beside;
use super::super::{RedbJournal, Table};
use super::rig::{
    Dice, Entries, all, apply, brief, commit, folder, knobs, locks_of_its_file, put, take,
};
use crate::config::Sync;
use crate::sync::{Arc, Mutex};

/// A disk writes whole sectors.
const SECTOR: usize = 512;

/// What is sure to be on the disk, and what may be.
#[derive(Clone, Debug, Default)]
struct Tape(Arc<Mutex<Reel>>);

#[derive(Debug, Default)]
struct Reel {
    sure: Vec<u8>,
    since: Vec<Did>,
    /// The planted bug: syncs do nothing.
    lies: bool,
    /// Images of the middle of a commit, if they are wanted.
    film: Option<Film>,
}

#[derive(Debug)]
struct Film {
    dice: Dice,
    images: Vec<Vec<u8>>,
}

#[derive(Clone, Debug)]
enum Did {
    Wrote(u64, Vec<u8>),
    Resized(u64),
}

impl Did {
    fn to(&self, image: &mut Vec<u8>) {
        match self {
            Self::Wrote(offset, data) => self.part(image, 0..data.len(), *offset),
            Self::Resized(len) => {
                image.resize(usize::try_from(*len).expect("a small file"), 0);
            }
        }
    }

    fn part(&self, image: &mut Vec<u8>, range: std::ops::Range<usize>, offset: u64) {
        let Self::Wrote(_, data) = self else { return };
        let at = usize::try_from(offset).expect("a small file") + range.start;
        let end = at + range.len();
        if image.len() < end {
            image.resize(end, 0);
        }
        image[at..end].copy_from_slice(&data[range]);
    }
}

impl Tape {
    fn did(&self, what: Did) {
        let mut reel = self.0.lock();
        reel.since.push(what);
        if reel.film.as_mut().is_some_and(|film| film.dice.below(6) == 0) {
            reel.expose();
        }
    }

    fn synced(&self) {
        let mut reel = self.0.lock();
        reel.expose();
        if reel.lies {
            return;
        }
        let since = std::mem::take(&mut reel.since);
        since.iter().for_each(|did| did.to(&mut reel.sure));
    }

    fn between(&self) -> Between {
        let tape = self.clone();
        Box::new(move |file| Box::new(Taped { file, tape: tape.clone() }))
    }
}

impl Reel {
    fn expose(&mut self) {
        let Some(mut film) = self.film.take() else { return };
        film.images.push(self.image(&mut film.dice));
        self.film = Some(film);
    }

    /// What may be on the disk when the power goes: whole writes in any order or not at all, and
    /// of some only some sectors.
    fn image(&self, dice: &mut Dice) -> Vec<u8> {
        let mut image = self.sure.clone();
        let mut since = self.since.clone();
        for i in (1..since.len()).rev() {
            let with = dice.index(i + 1);
            since.swap(i, with);
        }
        for did in &since {
            match (dice.below(4), did) {
                (0, _) => {}
                (1, Did::Wrote(offset, data)) => {
                    for from in (0..data.len()).step_by(SECTOR) {
                        if dice.below(2) == 0 {
                            did.part(&mut image, from..(from + SECTOR).min(data.len()), *offset);
                        }
                    }
                }
                (_, did) => did.to(&mut image),
            }
        }
        image
    }
}

#[derive(Debug)]
struct Taped {
    file: FileBackend,
    tape: Tape,
}

impl StorageBackend for Taped {
    locks_of_its_file!();

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.file.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.tape.did(Did::Resized(len));
        self.file.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.tape.synced();
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.tape.did(Did::Wrote(offset, data.to_vec()));
        self.file.write(offset, data)
    }
}

/// A commit like those of an engine: some messages come, some have their fate.
fn changes(dice: &mut Dice, next: &mut u64, entries: &Entries) -> Vec<super::super::Change> {
    let mut changes = Vec::new();
    for _ in 0..=dice.below(6) {
        *next += 1;
        let n_bytes = dice.index(9) * dice.index(900);
        let byte = u8::try_from(*next % 251).expect("below 251");
        changes.push(put(Table::Messages, *next, &vec![byte; n_bytes]));
        changes.push(put(Table::Marks, *next, b"started"));
    }
    for (table, key) in entries.keys().take(dice.index(12)) {
        let number = u64::from_be_bytes(key[..8].try_into().expect("eight bytes"));
        changes.push(take(Table::ALL[usize::from(*table)], number));
    }
    changes
}

/// Opens what a loss of power left, and says what is wrong with it.
fn judge(path: &Path, image: &[u8], witness: &[u8], may: &[&Entries]) -> Result<(), String> {
    std::fs::write(path, image).expect("the image is written");
    std::fs::write(beside(path), witness).expect("so is the witness");
    let journal = RedbJournal::open(path, &knobs(Sync::Os)).map_err(|error| error.to_string())?;
    let found = all(&journal).map_err(|error| error.to_string())?;
    if may.iter().any(|entries| **entries == found) {
        return Ok(());
    }
    Err(format!("found {}, not {}", brief(&found), brief(may[0])))
}

/// Loses power again and again in a story of commits; answers what was wrong.
fn story(seed: u64, lie_at: Option<u64>) -> Vec<String> {
    let ((_one, path), (_other, copy)) = (folder(), folder());
    let (mut dice, tape, mut next) = (Dice::new(seed), Tape::default(), 0);
    let opened = RedbJournal::open_through(&path, &knobs(Sync::Group), tape.between());
    let mut journal = opened.expect("a new file");
    let witness = || std::fs::read(beside(&path)).expect("a witness");
    let (mut sure, mut wrong) = (Entries::new(), Vec::new());
    for n in 0..12 {
        let changes = changes(&mut dice, &mut next, &sure);
        let mut then = sure.clone();
        apply(&mut then, &changes);
        let before = witness();
        let film = Film { dice: Dice::new(dice.below(1 << 40)), images: Vec::new() };
        {
            let mut reel = tape.0.lock();
            (reel.film, reel.lies) = (Some(film), lie_at == Some(n));
        }
        commit(&mut journal, &changes).expect("all is well");
        let film = tape.0.lock().film.take().expect("it was there");
        for image in &film.images {
            if let Err(error) = judge(&copy, image, &before, &[&sure, &then]) {
                wrong.push(format!("seed {seed}, in commit {n}: {error}"));
            }
        }
        sure = then;
        for _ in 0..4 {
            let image = tape.0.lock().image(&mut dice);
            if let Err(error) = judge(&copy, &image, &witness(), &[&sure]) {
                wrong.push(format!("seed {seed}, after commit {n}: {error}"));
            }
        }
    }
    wrong
}

#[test]
fn p11_what_was_answered_is_there_after_a_loss_of_power_and_the_last_one_whole_or_not_at_all() {
    let full = std::env::var("LANEQ_FAULTS").is_ok_and(|value| value == "full");
    for seed in 0..if full { 20 } else { 3 } {
        let wrong = story(seed, None);
        assert!(wrong.is_empty(), "{wrong:#?}");
    }
}

#[test]
fn a_sync_that_does_nothing_is_found_by_this_rig() {
    assert!(!story(1, Some(5)).is_empty(), "the rig is blind");
}

/// A journal gets its name once it is whole: what is left of one that was being made is in nobody's
/// way, and nothing else is ever found under the name.
#[test]
fn p11_whatever_a_loss_of_power_leaves_of_a_journal_in_the_making_the_next_is_made() {
    let ((_one, path), (_other, copy)) = (folder(), folder());
    let tape = Tape::default();
    tape.0.lock().film = Some(Film { dice: Dice::new(1), images: Vec::new() });
    let made = RedbJournal::open_through(&path, &knobs(Sync::Group), tape.between());
    drop(made.expect("a new file"));
    let mut images = tape.0.lock().film.take().expect("it was there").images;
    images.extend([Vec::new(), vec![0], vec![0; 1 << 20]]);
    assert!(images.iter().any(|image| image.starts_with(b"redb")), "as far as its magic");
    assert!(images.iter().any(|image| image.len() > 4096 && image[0] == 0), "and before it");
    let witness = std::fs::read(beside(&path)).expect("so is the witness");
    let half = copy.with_extension("redb.new");
    for image in &images {
        let _ = std::fs::remove_file(&copy);
        std::fs::write(&half, image).expect("the image is written");
        std::fs::write(beside(&copy), &witness).expect("so is the witness");
        let journal = RedbJournal::open(&copy, &knobs(Sync::Group)).expect("it is made");
        assert_eq!(all(&journal), Ok(Entries::new()));
        assert!(!half.exists(), "nothing is left of it");
    }
}
