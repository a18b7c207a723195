//! A journal that no engine holds, changed by hand: its parked messages requeued, others dropped.

use std::collections::{HashMap, HashSet};
use std::time::SystemTime;

use super::RedbJournal;
use super::records::{Marks, Sent, decode, encode, number_of, put, removal};
use super::store::{Change, Journal, JournalError, Table};
use super::view::{JournalEntry, entry};
use crate::model::MessageId;

impl RedbJournal {
    /// Writes parked messages anew, in the place of the old ones: as if they were accepted now,
    /// with the id of the old one in [`requeued_from`](crate::Message::requeued_from). One commit:
    /// all of them or none. Answers the ids of the new ones, in the order of the numbers given.
    /// Blocks.
    ///
    /// # Errors
    /// `Failed` if a number is none of a parked message; as [`commit`](Journal::commit).
    pub fn requeue(&mut self, numbers: &[u64]) -> Result<Vec<MessageId>, JournalError> {
        let marks = Marks::all(self)?;
        let (mut next, now) = (self.next_number()?, SystemTime::now());
        let (mut changes, mut ids) = (Vec::new(), Vec::new());
        for number in distinct(numbers) {
            let own = marks.get(&number).filter(|own| own.parked.is_some());
            let own = own.ok_or_else(|| none(number, "parked"))?;
            let value = self.message(number)?;
            let JournalEntry { id, .. } = entry(number, own, &value)?;
            let sent: Sent<'_> = decode(&value)?;
            let sent = sent.anew(id.to_string(), now);
            changes.push(put(Table::Messages, next, &sent));
            changes.extend(removal(number));
            ids.push(match id {
                given @ MessageId::Given(_) => given,
                MessageId::Made(..) => MessageId::Made(0, next),
            });
            next += 1;
        }
        let key = (*b"next").into();
        changes.push(Change { table: Table::About, key, value: Some(encode(&next)) });
        self.commit(&changes.iter().collect::<Vec<_>>())?;
        Ok(ids)
    }

    /// Takes messages out, whatever their state. One commit: all of them or none. Blocks.
    ///
    /// # Errors
    /// `Failed` if a number is none of a message here; as [`commit`](Journal::commit).
    pub fn remove(&mut self, numbers: &[u64]) -> Result<(), JournalError> {
        let mut changes = Vec::new();
        for number in distinct(numbers) {
            self.message(number)?;
            changes.extend(removal(number));
        }
        self.commit(&changes.iter().collect::<Vec<_>>())
    }

    /// Calls `each` with every message in it, in the order of acceptance. Blocks.
    ///
    /// # Errors
    /// As [`JournalView::each`](super::JournalView::each).
    pub fn each(
        &self,
        mut each: impl FnMut(JournalEntry) -> Result<(), JournalError>,
    ) -> Result<(), JournalError> {
        let (marks, none): (HashMap<u64, Marks>, _) = (Marks::all(self)?, Marks::default());
        self.read(Table::Messages, &mut |key, value| {
            let number = number_of(key)?;
            each(entry(number, marks.get(&number).unwrap_or(&none), value)?)
        })
    }

    fn message(&self, number: u64) -> Result<Box<[u8]>, JournalError> {
        let value = self.get(Table::Messages, &number.to_be_bytes())?;
        value.ok_or_else(|| none(number, "kept here"))
    }

    /// No number is used twice.
    fn next_number(&self) -> Result<u64, JournalError> {
        let mut next = match self.get(Table::About, b"next")? {
            Some(value) => decode(&value)?,
            None => 1,
        };
        self.read(Table::Messages, &mut |key, _| {
            next = next.max(number_of(key)? + 1);
            Ok(())
        })?;
        Ok(next)
    }
}

fn none(number: u64, state: &str) -> JournalError {
    JournalError::Failed(format!("no message of number {number} is {state}").into())
}

fn distinct(numbers: &[u64]) -> impl Iterator<Item = u64> {
    let mut seen = HashSet::new();
    numbers.iter().copied().filter(move |number| seen.insert(*number))
}
