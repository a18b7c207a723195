//! `laneq inspect requeue` and `drop`: the journal is held while it is changed.

use std::collections::{HashMap, HashSet};
use std::io::Write;

use laneq::{JournalEntry, JournalError, JournalKnobs, JournalState, RedbJournal};

use super::Failed;
use super::args::Order;
use crate::cli::console::escaped;
use crate::cli::exit::JOURNAL;

pub fn requeue(to: &mut impl Write, order: &Order) -> Result<(), Failed> {
    let mut journal = hold(order)?;
    let chosen = chosen(&journal, order)?;
    if let Some(other) = chosen.iter().find(|one| one.state != JournalState::Parked) {
        let (id, state) = (&other.id, other.state.as_str());
        let text = format!("{id:?} is {state}, and runs by itself: only parked ones are requeued");
        return Err(Failed::none(text));
    }
    let numbers: Vec<u64> = chosen.iter().map(|one| one.number).collect();
    for id in journal.requeue(&numbers)? {
        writeln!(to, "{}", escaped(&id.to_string()))?;
    }
    Ok(())
}

pub fn drop(to: &mut impl Write, order: &Order) -> Result<(), Failed> {
    let mut journal = hold(order)?;
    let chosen = chosen(&journal, order)?;
    let numbers: Vec<u64> = chosen.iter().map(|one| one.number).collect();
    journal.remove(&numbers)?;
    for one in chosen {
        writeln!(to, "{}", escaped(&one.id))?;
    }
    Ok(())
}

/// A journal that is there, and that nobody else holds.
fn hold(order: &Order) -> Result<RedbJournal, Failed> {
    let path = &order.journal;
    if !path.exists() {
        let text = format!("{}: there is no such journal", path.display());
        return Err(Failed { text, code: JOURNAL });
    }
    RedbJournal::open(path, &JournalKnobs::default()).map_err(|error| {
        let advice = match error {
            JournalError::Locked(_) => ": use the controls of that program",
            _ => "",
        };
        Failed { text: format!("{error}{advice}"), code: JOURNAL }
    })
}

struct Chosen {
    number: u64,
    id: String,
    key: String,
    state: JournalState,
}

/// What the order names: every id is there.
fn chosen(journal: &RedbJournal, order: &Order) -> Result<Vec<Chosen>, Failed> {
    let mut by_id: HashMap<String, Vec<Chosen>> = HashMap::new();
    let mut parked = Vec::new();
    journal.each(|entry| {
        let JournalEntry { number, state, .. } = entry;
        let (id, key) = (entry.id.to_string(), entry.message.key().to_owned());
        if order.key.as_ref().is_some_and(|only| *only != key) {
            return Ok(());
        }
        let one = Chosen { number, id, key, state };
        if order.all_parked && state == JournalState::Parked {
            parked.push(one);
        } else if order.ids.contains(&one.id) {
            by_id.entry(one.id.clone()).or_default().push(one);
        }
        Ok(())
    })?;
    let mut named = HashSet::new();
    for id in order.ids.iter().filter(|id| named.insert(*id)) {
        parked.push(only(order, id, by_id.remove(id).unwrap_or_default())?);
    }
    Ok(parked)
}

fn only(order: &Order, id: &str, mut found: Vec<Chosen>) -> Result<Chosen, Failed> {
    if found.len() > 1 {
        let keys: Vec<String> = found.iter().map(|one| format!("{:?}", one.key)).collect();
        let keys = keys.join(" and ");
        return Err(Failed::none(format!("{id:?} is the id of messages of {keys}: add --key")));
    }
    let journal = order.journal.display();
    found.pop().ok_or_else(|| Failed::none(format!("no message in {journal} has the id {id:?}")))
}
