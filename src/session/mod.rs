//! Sessions: what waits and runs under one key, decided under one lock.

mod backlog;
mod batch;
mod cell;
mod door;
mod due;
mod entry;
mod envelope;
mod gate;
mod hands;
mod hint;
mod hooks;
mod issue;
#[cfg(feature = "journal")]
mod jots;
#[cfg(not(feature = "journal"))]
#[path = "jots_off.rs"]
mod jots;
mod live;
mod machine;
mod next;
mod node;
mod notes;
mod overflow;
#[cfg(feature = "journal")]
mod parked;
mod ready;
mod render;
mod report;
mod resume;
mod scavenge;
#[allow(clippy::module_inception, reason = "the session is the noun of this room")]
mod session;
mod settings;
mod shared;
mod shelf;
mod standing;
mod table;
mod telling;
mod token;
mod transcribe;
mod transition;
mod waiting;
mod window;
mod word;

pub(crate) use batch::Batch;
pub(crate) use cell::{Cell, Terms};
pub(crate) use door::{Door, LANES_MAX, Side};
pub(crate) use due::{Chore, SWEEP, SWEEP_ROUNDS, What};
pub(crate) use entry::{Code, Kept, ask_for_shared};
#[cfg(all(test, loom))]
pub(crate) use gate::{Call, Gate};
pub(crate) use gate::{Found, Goes, Owed, Woken};
pub(crate) use hands::{Grasp, HANDFUL};
pub(crate) use hint::Hint;
pub(crate) use hooks::Hooks;
#[cfg(feature = "journal")]
pub(crate) use jots::reserve;
pub(crate) use jots::{Ending, Jots, JournalError, is_closed, is_final};
pub(crate) use live::{Inbox, OpenCalls, Regained, SlotState};
#[cfg(feature = "journal")]
pub(crate) use machine::{Back, LastRun};
pub(crate) use machine::{
    Door as Open, End, EndRun, Ended, Finished, Halted, Origin, Slice, Started, Strode, Take,
    Taken, Ticketed, Work,
};
pub use machine::{Verdict, Withdrawn};
pub(crate) use next::{Landed, NotAdmitted, Tag};
#[cfg(feature = "journal")]
pub(crate) use overflow::Lines;
pub(crate) use ready::Ticket;
pub(crate) use render::turn_text;
pub(crate) use resume::Resume;
pub(crate) use session::{Locked, Session};
pub(crate) use settings::Late;
pub(crate) use shared::{Hire, Shared};
pub(crate) use standing::{Place, Standing};
pub(crate) use telling::{Telling, Wake, Watch, Watched};
pub use token::{Cancelled, Registration, Token};
