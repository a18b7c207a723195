//! Every function, every argument: NULL, garbage, stale and foreign, each with its status.
//!
//! A row names the function and the kinds of its arguments. Each kind has a value that is right and
//! values that are wrong; each wrong one is tried with all others right. All arguments are integers
//! or pointers, so a call is made of words, as the C compilers of these machines do.
#![cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
#![allow(clippy::cast_sign_loss, reason = "a word is a word")]

use std::ffi::{CStr, c_void};
use std::mem::{offset_of, transmute};

use laneq::capi::*;
use status::*;

use crate::header::functions;
use crate::stage::Stage;

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
    fn boxed() -> Box<Self> {
        Box::new(Self([0; 4200]))
    }

    fn put<T: Copy>(&mut self, at: usize, value: T) {
        assert!(at + size_of::<T>() <= self.0.len());
        // SAFETY: there is room, as has been looked at.
        unsafe { self.0.as_mut_ptr().add(at).cast::<T>().write_unaligned(value) }
    }

    fn word(&self) -> u64 {
        self.0.as_ptr() as u64
    }
}

impl Shape {
    fn size(self) -> usize {
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

    fn right(self) -> Box<Room> {
        let mut room = Room::boxed();
        room.put(0, self.size());
        if self == Self::Message {
            let text = text::laneq_str { data: c"argument".as_ptr(), len: 8 };
            room.put(offset_of!(message::laneq_message, key), text);
            room.put(offset_of!(message::laneq_message, text), text);
        }
        room
    }

    fn wrong_sizes(self) -> Vec<(Box<Room>, i32)> {
        let sized = |size: usize| {
            let mut room = self.right();
            room.put(0, size);
            (room, LANEQ_E_STRUCT_SIZE)
        };
        [0, 1, 8, self.size() - 1, 4097, usize::MAX].map(sized).into()
    }

    /// Structs that are wrong, each with its status.
    fn wrong(self) -> Vec<(Box<Room>, i32)> {
        let mut wrong = self.wrong_sizes();
        let mut field = |at: usize, value: i32, status| {
            let mut room = self.right();
            room.put(at, value);
            wrong.push((room, status));
        };
        match self {
            Self::Config => field(offset_of!(engine::laneq_config, format), 7, LANEQ_E_NUMBER),
            Self::Message => {
                field(offset_of!(message::laneq_message, mode), 6, LANEQ_E_NUMBER);
                field(offset_of!(message::laneq_message, mode), -1, LANEQ_E_NUMBER);
                field(offset_of!(message::laneq_message, priority), 4, LANEQ_E_NUMBER);
                field(offset_of!(message::laneq_message, kind), 8, LANEQ_E_NUMBER);
            }
            Self::Knobs => {
                field(offset_of!(message::laneq_knobs, mode), i32::MIN, LANEQ_E_NUMBER);
                field(offset_of!(message::laneq_knobs, drop), 4, LANEQ_E_NUMBER);
                field(offset_of!(message::laneq_knobs, has_debounce), 2, LANEQ_E_NUMBER);
            }
            Self::Handler => field(8, 2, LANEQ_E_NUMBER),
            Self::EventsOptions => field(8, -1, LANEQ_E_NUMBER),
            _ => {}
        }
        wrong.extend(self.wrong_strings());
        // A newer program that asks for something this library does not know.
        let mut room = self.right();
        room.put(0, self.size() + 8);
        room.put(self.size() + 7, 1_u8);
        wrong.push((room, LANEQ_E_STRUCT_SIZE));
        wrong
    }

    fn wrong_strings(self) -> Vec<(Box<Room>, i32)> {
        let fields: &[usize] = match self {
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
        };
        let mut wrong = Vec::new();
        for at in fields {
            for (data, len, status) in STRINGS {
                let mut room = self.right();
                room.put(*at, text::laneq_str { data: data.as_ptr().cast(), len: *len });
                wrong.push((room, *status));
            }
            let mut room = self.right();
            room.put(*at, text::laneq_str { data: std::ptr::null(), len: 3 });
            wrong.push((room, LANEQ_E_NULL));
        }
        wrong
    }
}

/// Strings that are wrong whatever they are for.
const STRINGS: &[(&[u8], usize, i32)] = &[
    (b"\xff", 1, LANEQ_E_UTF8),
    (b"ab\xc3", 3, LANEQ_E_UTF8),
    (b"x", usize::MAX, LANEQ_E_TOO_LARGE),
    (b"x", (1 << 30) + 1, LANEQ_E_TOO_LARGE),
];

/// The words of one argument.
type Words = Vec<u64>;

/// What is tried for one argument: the right words, and each wrong one with its status. `rooms`
/// keeps what they point at.
struct Tries {
    right: Words,
    wrong: Vec<(Words, i32)>,
    rooms: Vec<Box<Room>>,
}

unsafe extern "C-unwind" fn nothing(_: *mut c_void, _: u64) {}

impl Arg {
    fn tries(self, stage: &Stage) -> Tries {
        let mut tries = Tries { right: vec![0], wrong: Vec::new(), rooms: Vec::new() };
        match self {
            Self::Handle(of) => {
                tries.right = vec![stage.handle(of)];
                let wrong = [0, 1, u64::MAX, 1 << 53, stage.freed(), stage.foreign(of)];
                tries.wrong.extend(wrong.map(|handle| (vec![handle], LANEQ_E_HANDLE)));
            }
            Self::Text(right) => {
                tries.right = vec![right.as_ptr() as u64, right.len() as u64];
                tries.wrong.push((vec![0, 0], LANEQ_E_NULL));
                tries.strings();
            }
            Self::Maybe => {
                tries.right = vec![0, 0];
                tries.strings();
            }
            Self::Out | Self::OutMaybe => {
                tries.rooms.push(Room::boxed());
                tries.right = vec![tries.rooms[0].word()];
                if self == Self::Out {
                    tries.wrong.push((vec![0], LANEQ_E_NULL));
                }
            }
            Self::Struct(shape) | Self::StructMaybe(shape) => {
                tries.rooms.push(shape.right());
                tries.right = vec![tries.rooms[0].word()];
                for (room, status) in shape.wrong() {
                    tries.wrong.push((vec![room.word()], status));
                    tries.rooms.push(room);
                }
                if matches!(self, Self::Struct(_)) {
                    tries.wrong.push((vec![0], LANEQ_E_NULL));
                }
            }
            Self::OutStruct(shape) | Self::OutStructMaybe(shape) => {
                tries.rooms.push(shape.right());
                tries.right = vec![tries.rooms[0].word()];
                if matches!(self, Self::OutStruct(_)) {
                    tries.wrong.push((vec![0], LANEQ_E_NULL));
                }
                for (room, status) in shape.wrong_sizes() {
                    tries.wrong.push((vec![room.word()], status));
                    tries.rooms.push(room);
                }
            }
            Self::Number(right) => {
                tries.right = vec![right as u64];
                let wrong = [i32::MIN, -1, 99, i32::MAX];
                tries.wrong.extend(wrong.map(|n| (vec![n as u64], LANEQ_E_NUMBER)));
            }
            Self::Time => {
                let wrong = [-2, i64::MIN];
                tries.wrong.extend(wrong.map(|ms| (vec![ms as u64], LANEQ_E_NUMBER)));
            }
            Self::Any(right) => tries.right = vec![right],
            Self::Call => {
                tries.right = vec![nothing as *const () as u64];
                tries.wrong.push((vec![0], LANEQ_E_NULL));
            }
            Self::User => tries.right = vec![0, 0],
            Self::Error => {
                tries.rooms.push(Room::boxed());
                tries.right = vec![tries.rooms[0].word()];
            }
        }
        tries
    }
}

impl Tries {
    fn strings(&mut self) {
        for (data, len, status) in STRINGS {
            self.wrong.push((vec![data.as_ptr() as u64, *len as u64], *status));
        }
        self.wrong.push((vec![0, 3], LANEQ_E_NULL));
    }
}

/// Calls a function of the ABI with these words.
fn call(function: *const (), w: &[u64]) -> i32 {
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

fn told(status: i32) -> String {
    // SAFETY: it has a NUL at its end, and lives for ever.
    let words = unsafe { CStr::from_ptr(laneq_status_text(status)) };
    format!("{status} ({})", words.to_string_lossy())
}

#[test]
fn every_wrong_argument_of_every_function_has_its_status() {
    let stage = Stage::new();
    let mut tried = 0;
    for (name, function, args) in crate::table::rows() {
        let tries: Vec<Tries> = args.iter().map(|arg| arg.tries(&stage)).collect();
        let words = |which: usize, wrong: &Words| -> Words {
            let each = tries.iter().enumerate();
            each.flat_map(|(at, t)| if at == which { wrong.clone() } else { t.right.clone() })
                .collect()
        };
        for (at, tries) in tries.iter().enumerate() {
            for (wrong, expected) in &tries.wrong {
                // 0 is fine for whoever frees.
                let frees = name.ends_with("_free") && wrong == &[0];
                let expected = if frees { LANEQ_OK } else { *expected };
                let status = call(function, &words(at, wrong));
                let (status, expected) = (told(status), told(expected));
                assert_eq!(status, expected, "{name}, argument {at}, {:?} {wrong:x?}", args[at]);
                tried += 1;
            }
        }
        // Without an error to be told by, and with one: no crash, and never a panic.
        let mut right = words(usize::MAX, &Vec::new());
        let status = call(function, &right);
        assert_ne!(status, LANEQ_E_PANIC, "{name}");
        assert!((-120..=0).contains(&status), "{name}: {}", told(status));
        if args.last() == Some(&Arg::Error) {
            *right.last_mut().expect("there is one") = 0;
            let again = call(function, &right);
            assert_ne!(again, LANEQ_E_PANIC, "{name}");
        }
    }
    assert!(tried > 600, "{tried}");
    stage.end();
}

#[test]
fn the_table_has_every_function_of_the_header() {
    let rows = crate::table::rows();
    let plain = ["laneq_abi_version", "laneq_version", "laneq_status_text"];
    for (name, _) in functions() {
        let known = plain.contains(&&*name) || rows.iter().any(|(row, ..)| **row == *name);
        assert!(known, "{name} is not in the table");
    }
}
