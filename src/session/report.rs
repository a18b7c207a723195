//! What a drain waits for, and what it reports.

use std::time::Instant;

use super::cell::Cell;
use super::entry::Code;
use super::machine::Door as Open;
use super::shared::Shared;
use crate::model::{Fate, Message, MessageId};
use crate::sync::{Arc, Condvar, Mutex, planted};

/// What was settled while the engine drains, for the report.
pub(crate) type Reported = (MessageId, Arc<str>, Fate);

/// A message or closure on its way back to the host, at the end.
#[derive(Default)]
pub(crate) struct Report {
    pub(crate) settled: Vec<Reported>,
    pub(crate) returned: Vec<Message>,
}

/// Filled and waited for only while the engine is not open.
#[derive(Default)]
pub(crate) struct Reporting {
    /// A leaf lock.
    report: Mutex<Option<Report>>,
    /// Tells a drain that something has been settled.
    settled_more: Condvar,
    settled_lock: Mutex<()>,
}

impl<C: Code> Shared<C> {
    /// One line of the drain's report, if there is a drain.
    #[inline]
    pub(crate) fn report(&self, cell: &Cell, key: &Arc<str>, fate: Fate) {
        if self.open() != Open::Open {
            self.report_now(cell, key, fate);
        }
    }

    #[cold]
    fn report_now(&self, cell: &Cell, key: &Arc<str>, fate: Fate) {
        if let Some(report) = self.reporting.report.lock().as_mut() {
            report.settled.push((cell.id(), Arc::clone(key), fate));
            if fate == Fate::Returned {
                report.returned.push(Message::clone(&cell.message));
            }
        }
    }

    pub(crate) fn begin_report(&self) {
        self.reporting.report.lock().get_or_insert_default();
    }

    pub(crate) fn end_report(&self) -> Report {
        self.reporting.report.lock().take().unwrap_or_default()
    }

    #[cold]
    pub(super) fn tell_drain(&self) {
        let _lock = self.reporting.settled_lock.lock();
        self.reporting.settled_more.notify_all();
    }

    /// Blocks until `over` says so or the time is over. Only while the engine is not open.
    pub(crate) fn wait_settled(
        &self,
        until: Option<Instant>,
        mut over: impl FnMut() -> bool,
    ) -> bool {
        let mut lock = self.reporting.settled_lock.lock();
        loop {
            if over() {
                return true;
            }
            match until {
                None => self.reporting.settled_more.wait(&mut lock),
                Some(at) if self.reporting.settled_more.wait_until(&mut lock, at).timed_out() => {
                    return over();
                }
                Some(_) => {}
            }
        }
    }

    /// Something of the engine, not of a session, has changed: a drain looks again.
    #[inline]
    pub(crate) fn nudge_drain(&self) {
        if self.open() != Open::Open && !planted!(FinishesUnheard) {
            self.tell_drain();
        }
    }
}
