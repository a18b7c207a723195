//! `kill -9` at random moments, again and again, of one journal.

use std::time::{Duration, SystemTime};

use laneq::{Journal, JournalKnobs, RedbJournal, Sync, Table};

use super::books::{Books, Heard};
use super::child::Orders;

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// Microseconds that look random: xorshift.
fn below(state: &mut u64, n: u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    (*state >> 11) % n
}

fn kills(sync: Sync) {
    let clock = SystemTime::UNIX_EPOCH.elapsed().map_or(1, |since| since.subsec_nanos().into());
    let (n, seed) = (number("LANEQ_KILLS", 30), number("LANEQ_SEED", clock) | 1);
    let folder = tempfile::tempdir().expect("a folder");
    let orders = Orders { sync, ..Orders::new(&folder.path().join("journal.redb")) };
    let mut books = Books::default();
    let result = story(&mut books, &orders, n, seed);
    let Err(error) = result else { return };
    let kept = folder.keep();
    panic!("LANEQ_SEED={seed} LANEQ_KILLS={n}, sync = {sync}: {error}; the journal is in {kept:?}");
}

fn story(books: &mut Books, orders: &Orders, n: u64, seed: u64) -> Result<(), String> {
    let mut dice = seed;
    for run in 0..n {
        let run = u32::try_from(run).expect("a small number");
        let mut heard = Heard::to(orders.clone().load(run, u32::MAX).command(&[]));
        // Most die under load, some while they start or recover.
        let most = match below(&mut dice, 4) {
            0 => 40_000,
            _ => {
                heard.until("ack");
                30_000
            }
        };
        // The moment of the kill is what is random here: nothing is waited for.
        std::thread::sleep(Duration::from_micros(below(&mut dice, most)));
        heard.child.kill().map_err(|error| format!("it cannot be killed: {error}"))?;
        books.enter(heard).map_err(|error| format!("kill {run}: {error}"))?;
        if let Some(error) = books.of("error").first() {
            return Err(format!("kill {run}: {error}"));
        }
    }
    let last = u32::try_from(n).expect("a small number");
    books.enter(Heard::to(orders.clone().load(last, 20).command(&[])))?;
    if books.of("done").is_empty() || !books.of("fate").is_empty() {
        return Err(format!("the last one: {:?}", books.said));
    }
    books.check()?;
    let (acknowledged, twice) = (books.acknowledged, books.duplicates());
    println!("{n} kills, {acknowledged} acknowledged, none lost, {twice} ran again");
    if (acknowledged as u64) < n {
        return Err(format!("{acknowledged} acknowledged: that was no load"));
    }
    left(orders)
}

/// Nothing is left of messages that have their fate.
fn left(orders: &Orders) -> Result<(), String> {
    let wrong = |error: laneq::JournalError| error.to_string();
    let journal = RedbJournal::open(&orders.journal, &JournalKnobs::default()).map_err(wrong)?;
    for table in [Table::Messages, Table::Marks] {
        let mut n = 0;
        journal
            .read(table, &mut |_, _| {
                n += 1;
                Ok(())
            })
            .map_err(wrong)?;
        if n > 0 {
            return Err(format!("{n} entries are left in {table:?}"));
        }
    }
    Ok(())
}

/// Rows of `FAILURES.md`: C13, S4.
#[test]
fn p11_kill_9_loses_nothing_that_was_acknowledged() {
    kills(Sync::Group);
}

#[test]
fn p11_kill_9_loses_nothing_without_syncs_either() {
    kills(Sync::Os);
}
