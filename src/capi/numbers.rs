//! What Rust says in words, C says in numbers: 0 is none or the default, the rest is ABI. Append
//! only, never renumber or reuse.

use super::call::{Answer, Fault};
use super::status::LANEQ_E_NUMBER;
use crate::model::{Cause, Drop, Fallback, Fate, Kind, Mode, Outcome, Priority};
use crate::run::{CallState, Code, Effects, Launch, Signal};
use crate::session::{Verdict, Withdrawn};
use crate::watch::Placement;

/// Waits its turn; one run each, first in, first out.
pub const LANEQ_MODE_FOLLOWUP: i32 = 1;
/// Waits its turn; what waits together and may merge is one run.
pub const LANEQ_MODE_COLLECT: i32 = 2;
/// Delivered at the next boundary of the run in progress; else a follow-up.
pub const LANEQ_MODE_STEER: i32 = 3;
/// Delivered like a steer, and run as a later turn as well.
pub const LANEQ_MODE_STEER_BACKLOG: i32 = 4;
/// Stops the run in progress and runs next.
pub const LANEQ_MODE_INTERRUPT: i32 = 5;

/// Goes first: people who are waiting.
pub const LANEQ_PRIORITY_FOREGROUND: i32 = 1;
/// The default.
pub const LANEQ_PRIORITY_NORMAL: i32 = 2;
/// Goes after normal, until it has waited 30 s.
pub const LANEQ_PRIORITY_BACKGROUND: i32 = 3;

/// The oldest message of the route is dropped.
pub const LANEQ_DROP_OLD: i32 = 1;
/// The newcomer is refused.
pub const LANEQ_DROP_NEW: i32 = 2;
/// As old, and one line of what was dropped goes into the next batch.
pub const LANEQ_DROP_SUMMARIZE: i32 = 3;

/// One person.
pub const LANEQ_KIND_DIRECT: i32 = 1;
/// A group chat.
pub const LANEQ_KIND_GROUP: i32 = 2;
/// A channel of a server.
pub const LANEQ_KIND_CHANNEL: i32 = 3;
/// A run of another agent.
pub const LANEQ_KIND_SUBAGENT: i32 = 4;
/// A schedule.
pub const LANEQ_KIND_CRON: i32 = 5;
/// A web hook.
pub const LANEQ_KIND_HOOK: i32 = 6;
/// A device.
pub const LANEQ_KIND_NODE: i32 = 7;

/// It starts as soon as its lane has a slot.
pub const LANEQ_PLACEMENT_SCHEDULED: i32 = 1;
/// It waits behind its session.
pub const LANEQ_PLACEMENT_QUEUED: i32 = 2;
/// It waits for the next boundary of the run in progress.
pub const LANEQ_PLACEMENT_STEERED: i32 = 3;

/// No run was in progress.
pub const LANEQ_FALLBACK_NO_RUN: i32 = 1;
/// The handler takes no steers.
pub const LANEQ_FALLBACK_NOT_STEERABLE: i32 = 2;
/// The run takes no more.
pub const LANEQ_FALLBACK_CLOSED: i32 = 3;
/// The run belongs to another authority.
pub const LANEQ_FALLBACK_AUTHORITY: i32 = 4;
/// The run answers another channel, thread or person.
pub const LANEQ_FALLBACK_ROUTE: i32 = 5;

/// It was part of the batch of a run that has ended.
pub const LANEQ_FATE_RAN: i32 = 1;
/// It was delivered to a run in progress.
pub const LANEQ_FATE_STEERED: i32 = 2;
/// It gave way when the backlog was full.
pub const LANEQ_FATE_DROPPED: i32 = 3;
/// It was taken back before it started.
pub const LANEQ_FATE_WITHDRAWN: i32 = 4;
/// Its time to live passed before it started.
pub const LANEQ_FATE_EXPIRED: i32 = 5;
/// Its attempts are used up.
pub const LANEQ_FATE_PARKED: i32 = 6;
/// The engine closed first.
pub const LANEQ_FATE_RETURNED: i32 = 7;

/// The handler completed the run.
pub const LANEQ_OUTCOME_DONE: i32 = 1;
/// The handler failed the run, or returned without a word.
pub const LANEQ_OUTCOME_FAILED: i32 = 2;
/// It failed after a stop, or was abandoned.
pub const LANEQ_OUTCOME_STOPPED: i32 = 3;
/// The handler panicked.
pub const LANEQ_OUTCOME_PANICKED: i32 = 4;

/// An interrupt.
pub const LANEQ_CAUSE_INTERRUPT: i32 = 1;
/// A stop of the key.
pub const LANEQ_CAUSE_STOP: i32 = 2;
/// The deadline of its message or lane.
pub const LANEQ_CAUSE_DEADLINE: i32 = 3;
/// The run that spawned it ended other than done.
pub const LANEQ_CAUSE_PARENT: i32 = 4;
/// It was abandoned.
pub const LANEQ_CAUSE_ABANDON: i32 = 5;
/// The deadline of a drain.
pub const LANEQ_CAUSE_DRAIN: i32 = 6;
/// The engine closes.
pub const LANEQ_CAUSE_CLOSE: i32 = 7;
/// The agent ended by itself with an error.
pub const LANEQ_CAUSE_EXIT: i32 = 8;
/// The host let go of the run without completing it.
pub const LANEQ_CAUSE_DROPPED: i32 = 9;
/// The host cancelled a token of its own.
pub const LANEQ_CAUSE_HOST: i32 = 10;

/// It ran and succeeded.
pub const LANEQ_CALL_COMPLETED: i32 = 1;
/// It ran and failed.
pub const LANEQ_CALL_FAILED: i32 = 2;
/// It was skipped, or was cut short.
pub const LANEQ_CALL_CANCELLED: i32 = 3;
/// It was found wrong before it started.
pub const LANEQ_CALL_REJECTED: i32 = 4;
/// Its own deadline passed.
pub const LANEQ_CALL_TIMED_OUT: i32 = 5;
/// It succeeded after it had been given up.
pub const LANEQ_CALL_LATE: i32 = 6;

/// It never started.
pub const LANEQ_EFFECTS_NONE: i32 = 1;
/// It started and was not seen to end.
pub const LANEQ_EFFECTS_UNKNOWN: i32 = 2;
/// It ran to its end.
pub const LANEQ_EFFECTS_DONE: i32 = 3;

/// A steer arrived before it started.
pub const LANEQ_CODE_STEER: i32 = 1;
/// The run was stopped.
pub const LANEQ_CODE_STOP: i32 = 2;
/// Its deadline passed.
pub const LANEQ_CODE_DEADLINE: i32 = 3;
/// It was found wrong, or never asked to start.
pub const LANEQ_CODE_REJECTED: i32 = 4;

/// A steer waits at the next boundary.
pub const LANEQ_SIGNAL_STEER: i32 = 1;
/// The run is stopped.
pub const LANEQ_SIGNAL_STOP: i32 = 2;
/// A wait that was begun is due.
pub const LANEQ_SIGNAL_WAITED: i32 = 3;

/// It will not start.
pub const LANEQ_WITHDRAW_WITHDRAWN: i32 = 1;
/// A run has taken it and not committed it yet: ask again.
pub const LANEQ_WITHDRAW_IN_DELIVERY: i32 = 2;
/// It has started.
pub const LANEQ_WITHDRAW_STARTED: i32 = 3;
/// It has its fate already.
pub const LANEQ_WITHDRAW_SETTLED: i32 = 4;

/// A boundary: nothing waits, go on.
pub const LANEQ_VERDICT_GO: i32 = 1;
/// A boundary: a steer waits, take it.
pub const LANEQ_VERDICT_STEER: i32 = 2;
/// A boundary: stop, for the cause.
pub const LANEQ_VERDICT_STOP: i32 = 3;

/// The call counts as executing from now on.
pub const LANEQ_LAUNCH_GO: i32 = 1;
/// A steer waits: the call is cancelled, and so is every other that has not started.
pub const LANEQ_LAUNCH_SKIP: i32 = 2;
/// The run is stopped: nothing starts any more.
pub const LANEQ_LAUNCH_STOP: i32 = 3;

/// The end of a run: no steer can reach it any more.
pub const LANEQ_END_CLOSED: i32 = 1;
/// The end of a run: steers wait, take them in and go on.
pub const LANEQ_END_STEERS: i32 = 2;
/// The end of a run: it is stopped, for the cause.
pub const LANEQ_END_STOP: i32 = 3;

/// A word with its number.
pub(super) trait Number: Sized + Copy {
    const WHAT: &'static str;
    fn number(self) -> i32;
    fn of(number: i32) -> Option<Self>;

    /// The word of a number from C.
    fn read(number: i32) -> Answer<Self> {
        Self::of(number).ok_or_else(|| unknown(Self::WHAT, number.into()))
    }

    /// The same, where 0 is none.
    fn read_or_none(number: i32) -> Answer<Option<Self>> {
        if number == 0 { Ok(None) } else { Self::read(number).map(Some) }
    }
}

pub(super) fn unknown(what: &str, number: i64) -> Fault {
    Fault::new(LANEQ_E_NUMBER, format!("{number} is no {what}: see laneq.h"))
}

/// The number of what may be absent.
pub(super) fn number_or_none<T: Number>(word: Option<T>) -> i32 {
    word.map_or(0, Number::number)
}

macro_rules! numbers {
    ($type:ident, $what:literal, $($variant:ident = $number:ident),+) => {
        impl Number for $type {
            const WHAT: &'static str = $what;

            fn number(self) -> i32 {
                match self { $(Self::$variant => $number),+ }
            }

            fn of(number: i32) -> Option<Self> {
                match number { $($number => Some(Self::$variant),)+ _ => None }
            }
        }
    };
}

numbers!(
    Mode,
    "mode",
    Followup = LANEQ_MODE_FOLLOWUP,
    Collect = LANEQ_MODE_COLLECT,
    Steer = LANEQ_MODE_STEER,
    SteerBacklog = LANEQ_MODE_STEER_BACKLOG,
    Interrupt = LANEQ_MODE_INTERRUPT
);
numbers!(
    Priority,
    "priority",
    Foreground = LANEQ_PRIORITY_FOREGROUND,
    Normal = LANEQ_PRIORITY_NORMAL,
    Background = LANEQ_PRIORITY_BACKGROUND
);
numbers!(
    Drop,
    "drop policy",
    Old = LANEQ_DROP_OLD,
    New = LANEQ_DROP_NEW,
    Summarize = LANEQ_DROP_SUMMARIZE
);
numbers!(
    Kind,
    "kind of source",
    Direct = LANEQ_KIND_DIRECT,
    Group = LANEQ_KIND_GROUP,
    Channel = LANEQ_KIND_CHANNEL,
    Subagent = LANEQ_KIND_SUBAGENT,
    Cron = LANEQ_KIND_CRON,
    Hook = LANEQ_KIND_HOOK,
    Node = LANEQ_KIND_NODE
);
numbers!(
    Placement,
    "placement",
    Scheduled = LANEQ_PLACEMENT_SCHEDULED,
    Queued = LANEQ_PLACEMENT_QUEUED,
    Steered = LANEQ_PLACEMENT_STEERED
);
numbers!(
    Fallback,
    "fallback",
    NoRun = LANEQ_FALLBACK_NO_RUN,
    NotSteerable = LANEQ_FALLBACK_NOT_STEERABLE,
    Closed = LANEQ_FALLBACK_CLOSED,
    Authority = LANEQ_FALLBACK_AUTHORITY,
    Route = LANEQ_FALLBACK_ROUTE
);
numbers!(
    Fate,
    "fate",
    Ran = LANEQ_FATE_RAN,
    Steered = LANEQ_FATE_STEERED,
    Dropped = LANEQ_FATE_DROPPED,
    Withdrawn = LANEQ_FATE_WITHDRAWN,
    Expired = LANEQ_FATE_EXPIRED,
    Parked = LANEQ_FATE_PARKED,
    Returned = LANEQ_FATE_RETURNED
);
numbers!(
    Outcome,
    "outcome",
    Done = LANEQ_OUTCOME_DONE,
    Failed = LANEQ_OUTCOME_FAILED,
    Stopped = LANEQ_OUTCOME_STOPPED,
    Panicked = LANEQ_OUTCOME_PANICKED
);
numbers!(
    Cause,
    "cause",
    Interrupt = LANEQ_CAUSE_INTERRUPT,
    Stop = LANEQ_CAUSE_STOP,
    Deadline = LANEQ_CAUSE_DEADLINE,
    Parent = LANEQ_CAUSE_PARENT,
    Abandon = LANEQ_CAUSE_ABANDON,
    Drain = LANEQ_CAUSE_DRAIN,
    Close = LANEQ_CAUSE_CLOSE,
    Exit = LANEQ_CAUSE_EXIT,
    Dropped = LANEQ_CAUSE_DROPPED,
    Host = LANEQ_CAUSE_HOST
);
numbers!(
    CallState,
    "call state",
    Completed = LANEQ_CALL_COMPLETED,
    Failed = LANEQ_CALL_FAILED,
    Cancelled = LANEQ_CALL_CANCELLED,
    Rejected = LANEQ_CALL_REJECTED,
    TimedOut = LANEQ_CALL_TIMED_OUT,
    Late = LANEQ_CALL_LATE
);
numbers!(
    Effects,
    "effects",
    None = LANEQ_EFFECTS_NONE,
    Unknown = LANEQ_EFFECTS_UNKNOWN,
    Done = LANEQ_EFFECTS_DONE
);
numbers!(
    Code,
    "code",
    Steer = LANEQ_CODE_STEER,
    Stop = LANEQ_CODE_STOP,
    Deadline = LANEQ_CODE_DEADLINE,
    Rejected = LANEQ_CODE_REJECTED
);
numbers!(
    Signal,
    "signal",
    Steer = LANEQ_SIGNAL_STEER,
    Stop = LANEQ_SIGNAL_STOP,
    Waited = LANEQ_SIGNAL_WAITED
);
numbers!(
    Withdrawn,
    "answer to a withdrawal",
    Withdrawn = LANEQ_WITHDRAW_WITHDRAWN,
    InDelivery = LANEQ_WITHDRAW_IN_DELIVERY,
    Started = LANEQ_WITHDRAW_STARTED,
    Settled = LANEQ_WITHDRAW_SETTLED
);

/// A verdict and its cause.
pub(super) fn verdict(verdict: Verdict) -> (i32, i32) {
    match verdict {
        Verdict::Go => (LANEQ_VERDICT_GO, 0),
        Verdict::Steer => (LANEQ_VERDICT_STEER, 0),
        Verdict::Stop(cause) => (LANEQ_VERDICT_STOP, cause.number()),
    }
}

/// A launch and its cause.
pub(super) fn launch(launch: Launch) -> (i32, i32) {
    match launch {
        Launch::Go => (LANEQ_LAUNCH_GO, 0),
        Launch::Skip(_) => (LANEQ_LAUNCH_SKIP, 0),
        Launch::Stop(cause) => (LANEQ_LAUNCH_STOP, cause.number()),
    }
}
