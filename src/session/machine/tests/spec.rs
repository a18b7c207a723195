//! Messages as the tests describe them: what matters to the machine, and nothing else.

use std::time::Duration;

use crate::model::{LaneId, Message, Mode, Priority, RunId, Source};
use crate::session::cell::{Cell, Terms};
use crate::session::machine::Origin;
use crate::sync::Arc;
use crate::time::Moment;

/// What a test says about a message.
#[derive(Clone, Debug)]
pub(super) struct Spec {
    pub(super) mode: Option<Mode>,
    pub(super) lane: u16,
    pub(super) priority: Priority,
    pub(super) authority: &'static str,
    /// The channel of its source; no source at all if there is none.
    pub(super) route: Option<&'static str>,
    pub(super) attempts: u32,
    pub(super) deadline: Option<u64>,
    pub(super) ttl: Option<u64>,
    pub(super) expect: Option<u64>,
    pub(super) origin: Origin,
    pub(super) crowded: bool,
}

impl Spec {
    pub(super) fn new(mode: Option<Mode>) -> Self {
        Self {
            mode,
            lane: 0,
            priority: Priority::Normal,
            authority: "",
            route: None,
            attempts: 1,
            deadline: None,
            ttl: None,
            expect: None,
            origin: Origin::Outside,
            crowded: false,
        }
    }

    pub(super) fn lane(mut self, lane: u16) -> Self {
        self.lane = lane;
        self
    }

    pub(super) fn priority(mut self, priority: Priority) -> Self {
        self.priority = priority;
        self
    }

    pub(super) fn by(mut self, authority: &'static str) -> Self {
        self.authority = authority;
        self
    }

    pub(super) fn from(mut self, channel: &'static str) -> Self {
        self.route = Some(channel);
        self
    }

    pub(super) fn attempts(mut self, attempts: u32) -> Self {
        self.attempts = attempts;
        self
    }

    pub(super) fn deadline(mut self, ms: u64) -> Self {
        self.deadline = Some(ms);
        self
    }

    pub(super) fn ttl(mut self, ms: u64) -> Self {
        self.ttl = Some(ms);
        self
    }

    pub(super) fn expect(mut self, run: u64) -> Self {
        self.expect = Some(run);
        self
    }

    /// Its lane has no slot to spare.
    pub(super) fn crowded(mut self) -> Self {
        self.crowded = true;
        self
    }

    pub(super) fn spawned(mut self) -> Self {
        self.origin = Origin::Run;
        self
    }

    /// The message itself, as the door of the engine would hand it to the machine at `now`.
    pub(super) fn cell(&self, now: Moment) -> Arc<Cell> {
        let mut message =
            Message::new("k", "text").with_authority(self.authority).with_priority(self.priority);
        message.mode = self.mode;
        if let Some(channel) = self.route {
            let source = Source { channel: channel.to_owned(), ..Source::default() };
            message = message.with_source(source);
        }
        if let Some(run) = self.expect {
            message = message.with_expect_run(RunId::new(run));
        }
        Arc::new(Cell::on(self.terms(now), message, 1, LaneId(self.lane)))
    }

    /// As the door of the engine would have them.
    pub(super) fn terms(&self, now: Moment) -> Terms {
        Terms {
            attempts: self.attempts,
            expires: self.ttl.map(|ttl| now.plus(ms(ttl))),
            deadline: self.deadline.map(ms),
            crowded: self.crowded,
            ..Terms::default()
        }
    }
}

pub(super) fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

pub(super) fn followup() -> Spec {
    Spec::new(Some(Mode::Followup))
}

pub(super) fn collect() -> Spec {
    Spec::new(Some(Mode::Collect))
}

pub(super) fn steer() -> Spec {
    Spec::new(Some(Mode::Steer))
}

/// A steer that runs as a later turn as well.
pub(super) fn steer_backlog() -> Spec {
    Spec::new(Some(Mode::SteerBacklog))
}

pub(super) fn interrupt() -> Spec {
    Spec::new(Some(Mode::Interrupt))
}
