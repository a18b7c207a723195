//! The events of a life: the third view. They agree with the figures, and are the same each time.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use laneq::{Engine, Event, Observer, Record, Stats};

use crate::truth::Check;

#[derive(Default)]
pub struct Book {
    records: Mutex<Vec<Record>>,
}

impl Observer for Book {
    fn on_event(&self, record: &Record) {
        self.records.lock().expect("no panic under it").push(record.clone());
    }
}

impl Book {
    pub fn of(engine: &Engine) -> Arc<Self> {
        let book = Arc::new(Self::default());
        engine.observe(Arc::clone(&book) as Arc<dyn Observer>).expect("a thread");
        book
    }

    /// Every event as a line.
    pub fn lines(&self) -> Vec<String> {
        let records = self.records.lock().expect("no panic under it");
        // The journal says of itself that it has failed, on a thread of its own: where that comes
        // among the others, and so their numbers, no seed decides.
        let told = records.iter().filter(|r| !matches!(r.event, Event::JournalFailed { .. }));
        told.map(|r| format!("{:?} {:?}", r.at, r.event)).collect()
    }

    /// P1 and P4 as events tell them.
    pub fn check(&self, stats: &Stats) -> Check {
        let mut live: HashMap<String, u64> = HashMap::new();
        let (mut accepted, mut fates) = (0, 0);
        let records = self.records.lock().expect("no panic under it");
        for (n, record) in records.iter().enumerate() {
            match &record.event {
                Event::Accepted { .. } => accepted += 1,
                Event::Fate { .. } => fates += 1,
                Event::RunStarted { run, key, .. } if !key.is_empty() => {
                    if let Some(other) = live.insert(key.to_string(), run.get()) {
                        return Err(format!("P1: event {n}: run {run} of {key} beside {other}"));
                    }
                }
                Event::RunFinished { run, key, .. }
                    if !key.is_empty() && live.remove(&**key) != Some(run.get()) =>
                {
                    return Err(format!("P1: event {n}: run {run} of {key} ends, unknown"));
                }
                _ => {}
            }
        }
        if (accepted, fates) != (stats.accepted, stats.accepted) || !live.is_empty() {
            return Err(format!(
                "P4: events tell of {accepted} messages and {fates} fates: {stats:?}"
            ));
        }
        Ok(())
    }
}
