//! `laneq inspect show`.

use std::io::Write;
use std::path::Path;
use std::time::SystemTime;

use laneq::JournalEntry;

use super::args::Which;
use super::{Failed, age, each, export, list};
use crate::cli::console::escaped;
use crate::cli::table::{grouped, span};

pub fn show(
    to: &mut impl Write,
    journal: &Path,
    id: &str,
    key: Option<&str>,
) -> Result<(), Failed> {
    let which = Which { key: key.map(str::to_owned), ..Which::default() };
    let mut found = 0;
    each(journal, &which, |entry| {
        if entry.id.to_string() == id {
            if found > 0 {
                writeln!(to)?;
            }
            found += 1;
            one(to, entry)?;
        }
        Ok(())
    })?;
    if found == 0 {
        return Err(Failed::none(format!("no message in {} has the id {id:?}", journal.display())));
    }
    Ok(())
}

/// A field a line; what people wrote is escaped, so that each is one line.
fn one(to: &mut impl Write, entry: &JournalEntry) -> std::io::Result<()> {
    let message = &entry.message;
    let accepted = humantime::format_rfc3339_millis(entry.accepted).to_string();
    let mut field = |name: &str, value: Option<&str>| match value {
        Some(value) => writeln!(to, "{name:<14}{}", escaped(value)),
        None => Ok(()),
    };
    field("id", Some(&entry.id.to_string()))?;
    field("key", Some(message.key()))?;
    field("lane", message.lane())?;
    field("mode", Some(list::mode(entry)))?;
    field("state", Some(entry.state.as_str()))?;
    field("accepted", Some(&accepted))?;
    field("age", Some(&span(age(entry, SystemTime::now()))))?;
    field("attempt", Some(&entry.attempt.to_string()))?;
    field("bytes", Some(&grouped(entry.bytes)))?;
    field("requeued from", message.requeued_from())?;
    field("priority", Some(message.priority().as_str()))?;
    field("authority", Some(message.authority()).filter(|authority| !authority.is_empty()))?;
    field("sender", message.sender())?;
    field("source", export::source(message).as_deref())?;
    field("most attempts", message.attempts().map(|n| n.to_string()).as_deref())?;
    field("ttl", message.ttl().map(span).as_deref())?;
    field("deadline", message.deadline().map(span).as_deref())?;
    field("payload", message.payload())?;
    field("meta", message.meta())?;
    field("media", message.media())?;
    field("backlog", message.backlog())?;
    field("text", Some(message.text()))
}
