//! What the functions of the ABI take, so that any of them can be called with any words. All
//! arguments are integers or pointers, so a call is made of words, as the C compilers of these
//! machines do.
#![allow(clippy::cast_sign_loss, reason = "a word is a word")]

use std::ffi::c_void;
use std::mem::{offset_of, transmute};

use laneq::capi::*;

/// What an argument is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Arg {
    /// A handle of this kind: the index in the stage's list.
    Handle(Of),
    /// Two words: a string that must be there.
    Text(&'static str),
    /// Two words: a string that may be absent.
    Maybe,
    /// A place for an answer, which must be there.
    Out,
    /// A place for an answer, which may be absent.
    OutMaybe,
    /// A struct with its size, which must be there.
    Struct(Shape),
    /// A struct with its size, which may be absent.
    StructMaybe(Shape),
    /// A struct to be written, with its size.
    OutStruct(Shape),
    /// A struct to be written, with its size, which may be absent.
    OutStructMaybe(Shape),
    /// A number of a few; this one is right.
    Number(i32),
    /// A time to wait.
    Time,
    /// Any number at all.
    Any(u64),
    /// One word that is 0: a function, and what it is called with, that may be absent.
    Absent,
    /// A function.
    Call,
    /// What it is called with, and its end.
    User,
    Error,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Of {
    Engine,
    Receipt,
    Run,
    Steers,
    Results,
    Token,
    Registration,
    Events,
    Text,
    Report,
    /// The engine of a port.
    Pulling,
    Port,
    Admission,
    /// A run that a port has given.
    Pulled,
    /// Another one.
    Dropped,
}

/// A struct by its size and the statuses of its bad fields.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Shape {
    Config,
    Message,
    Knobs,
    Handler,
    EventsOptions,
    Landed,
    Settled,
    RunInfo,
    CallResult,
    Drained,
    Notice,
    Recovered,
}

/// Room for any struct of the ABI, and for an error.
#[repr(C, align(16))]
pub struct Room([u8; 4200]);

impl Room {
    pub fn boxed() -> Box<Self> {
        Box::new(Self([0; 4200]))
    }

    pub fn put<T: Copy>(&mut self, at: usize, value: T) {
        assert!(at + size_of::<T>() <= self.0.len());
        // SAFETY: there is room, as has been looked at.
        unsafe { self.0.as_mut_ptr().add(at).cast::<T>().write_unaligned(value) }
    }

    pub fn read(&self, at: usize) -> u64 {
        let bytes = self.0[at..at + 8].try_into().expect("eight bytes");
        u64::from_ne_bytes(bytes)
    }

    pub fn word(&self) -> u64 {
        self.0.as_ptr() as u64
    }
}

impl Shape {
    pub fn size(self) -> usize {
        match self {
            Self::Config => size_of::<engine::laneq_config>(),
            Self::Message => size_of::<message::laneq_message>(),
            Self::Knobs => size_of::<message::laneq_knobs>(),
            Self::Handler => size_of::<handler::laneq_handler_options>(),
            Self::EventsOptions => size_of::<events::laneq_events_options>(),
            Self::Landed => size_of::<receipt::laneq_landed>(),
            Self::Settled => size_of::<receipt::laneq_settled>(),
            Self::RunInfo => size_of::<run::laneq_run_info>(),
            Self::CallResult => size_of::<ledger::laneq_call_result>(),
            Self::Drained => size_of::<ending::laneq_drained>(),
            Self::Notice => size_of::<notice::laneq_notice>(),
            Self::Recovered => size_of::<journal::laneq_recovered>(),
        }
    }

    pub fn right(self) -> Box<Room> {
        let mut room = Room::boxed();
        room.put(0, self.size());
        if self == Self::Message {
            let text = text::laneq_str { data: c"argument".as_ptr(), len: 8 };
            room.put(offset_of!(message::laneq_message, key), text);
            room.put(offset_of!(message::laneq_message, text), text);
        }
        room
    }

    /// Where numbers of 32 bits fit: all but its size, strings and pointers, as `abi.txt` has them.
    pub fn numbers(self) -> &'static [usize] {
        match self {
            Self::Config => &[40, 44],
            Self::Message => &[296, 300, 304, 308, 312, 320, 328, 344, 348],
            Self::Knobs => &[8, 16, 20, 24, 28],
            Self::Handler | Self::EventsOptions => &[8, 12],
            _ => &[],
        }
    }

    /// Where its strings are.
    pub fn strings(self) -> &'static [usize] {
        match self {
            Self::Config => {
                &[offset_of!(engine::laneq_config, text), offset_of!(engine::laneq_config, name)]
            }
            Self::Message => &[
                offset_of!(message::laneq_message, key),
                offset_of!(message::laneq_message, id),
                offset_of!(message::laneq_message, text),
                offset_of!(message::laneq_message, payload),
                offset_of!(message::laneq_message, meta),
                offset_of!(message::laneq_message, media),
                offset_of!(message::laneq_message, sender),
                offset_of!(message::laneq_message, authority),
                offset_of!(message::laneq_message, backlog),
                offset_of!(message::laneq_message, lane),
                offset_of!(message::laneq_message, requeued_from),
                offset_of!(message::laneq_message, channel),
                offset_of!(message::laneq_message, account),
                offset_of!(message::laneq_message, peer),
                offset_of!(message::laneq_message, group),
                offset_of!(message::laneq_message, thread),
                offset_of!(message::laneq_message, agent),
                offset_of!(message::laneq_message, source_id),
            ],
            _ => &[],
        }
    }
}

/// A callback that does nothing.
pub unsafe extern "C-unwind" fn nothing(_: *mut c_void, _: u64) {}

/// Calls a function of the ABI with these words.
pub fn call(function: *const (), w: &[u64]) -> i32 {
    macro_rules! with {
        ($($at:literal)*) => {{
            // SAFETY: every argument of the ABI is an integer or a pointer, of which a word holds
            // any, and the table gives each function as many as it has.
            let function = unsafe {
                transmute::<*const (), unsafe extern "C" fn($(with!(@ $at)),*) -> i32>(function)
            };
            // SAFETY: the pointers are to the stage's rooms, or what the table means to be wrong.
            unsafe { function($(w[$at]),*) }
        }};
        (@ $at:literal) => { u64 };
    }
    match w.len() {
        1 => with!(0),
        2 => with!(0 1),
        3 => with!(0 1 2),
        4 => with!(0 1 2 3),
        5 => with!(0 1 2 3 4),
        6 => with!(0 1 2 3 4 5),
        7 => with!(0 1 2 3 4 5 6),
        8 => with!(0 1 2 3 4 5 6 7),
        9 => with!(0 1 2 3 4 5 6 7 8),
        more => panic!("{more} words: add a line"),
    }
}
