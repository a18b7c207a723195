//! Events as `log` records with key-values. Keys are escaped, so that one event is one line.

use super::{Event, Observer, Record};

/// Hands each event to the `log` facade: target `laneq`, debug, and warn for what needs a look.
pub(crate) struct LogSink;

impl Observer for LogSink {
    fn on_event(&self, record: &Record) {
        let level = match record.event {
            Event::WaitExceeded { .. }
            | Event::RunStuck { .. }
            | Event::WorkerFailed { .. }
            | Event::JournalFailed { .. }
            | Event::LaneSaturated { .. }
            | Event::SummaryDiscarded { .. } => log::Level::Warn,
            _ => log::Level::Debug,
        };
        if !log::log_enabled!(target: "laneq", level) {
            return;
        }
        let name = record.event.name();
        let key = record.event.key().unwrap_or_default().escape_debug().to_string();
        let run = match &record.event {
            Event::RunStarted { run, .. }
            | Event::RunFinished { run, .. }
            | Event::RunRetrying { run, .. }
            | Event::RunStuck { run, .. }
            | Event::Steered { run, .. } => run.get(),
            _ => 0,
        };
        log::log!(target: "laneq", level, event = name, seq = record.seq, key = key.as_str(), run = run; "{name} {key}");
    }
}
