//! `laneq inspect list`.

use std::io::Write;
use std::path::Path;
use std::time::SystemTime;

use laneq::{JournalEntry, JournalState};

use super::args::Which;
use super::{Failed, age, each};
use crate::cli::console::escaped;
use crate::cli::output::Body;
use crate::cli::table::{aligned, grouped, span};

/// What `list` shows of a message: not its text, so that a large journal fits.
struct Row {
    id: String,
    key: String,
    number: u64,
    words: Vec<String>,
    json: String,
}

#[derive(Default)]
struct Totals {
    states: [u64; 3],
    bytes: u64,
}

pub fn list(to: &mut impl Write, journal: &Path, which: &Which, json: bool) -> Result<(), Failed> {
    let (mut rows, mut totals, now) = (Vec::new(), Totals::default(), SystemTime::now());
    each(journal, which, |entry| {
        totals.states[entry.state as usize] += 1;
        totals.bytes += entry.bytes;
        rows.push(row(entry, now, json));
        Ok(())
    })?;
    rows.sort_by(|a, b| (&a.key, a.number).cmp(&(&b.key, b.number)));
    if json {
        return Ok(rows.iter().try_for_each(|row| writeln!(to, "{}", row.json))?);
    }
    if !rows.is_empty() {
        let heading = ["id", "key", "lane", "mode", "state", "age", "attempt", "bytes"];
        let mut table = vec![heading.map(str::to_owned).to_vec()];
        table.extend(rows.into_iter().map(|row| {
            let mut cells = vec![escaped(&row.id), escaped(&row.key)];
            cells.extend(row.words);
            cells
        }));
        to.write_all(aligned(&table).as_bytes())?;
    }
    let [pending, started, parked] = totals.states.map(grouped);
    let bytes = grouped(totals.bytes);
    Ok(writeln!(to, "{pending} pending, {started} started, {parked} parked; {bytes} bytes")?)
}

fn row(entry: &JournalEntry, now: SystemTime, json: bool) -> Row {
    let (id, key) = (entry.id.to_string(), entry.message.key().to_owned());
    let json = if json { about(entry, now).object() } else { String::new() };
    let words = vec![
        escaped(entry.message.lane().unwrap_or_default()),
        mode(entry).to_owned(),
        entry.state.as_str().to_owned(),
        span(age(entry, now)),
        entry.attempt.to_string(),
        grouped(entry.bytes),
    ];
    Row { id, key, number: entry.number, words, json }
}

pub fn mode(entry: &JournalEntry) -> &'static str {
    entry.message.mode().map_or("", |mode| mode.as_str())
}

/// What is known of a message besides what it says.
pub fn about(entry: &JournalEntry, now: SystemTime) -> Body {
    let message = &entry.message;
    let accepted = humantime::format_rfc3339_millis(entry.accepted).to_string();
    Body::new()
        .text("id", &entry.id.to_string())
        .text("key", message.key())
        .text("lane", message.lane().unwrap_or_default())
        .text("mode", mode(entry))
        .text("state", entry.state.as_str())
        .text("accepted", &accepted)
        .millis("age_ms", age(entry, now))
        .number("attempt", entry.attempt.into())
        .number("bytes", entry.bytes)
        .maybe(message.requeued_from(), |body, from| body.text("requeued_from", from))
}

/// The places of the states in the totals.
const _: () = assert!(
    JournalState::Pending as usize == 0
        && JournalState::Started as usize == 1
        && JournalState::Parked as usize == 2
);
