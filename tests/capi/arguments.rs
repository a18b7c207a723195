//! Every function, every argument: NULL, garbage, stale and foreign, each with its status.
//!
//! A row names the function and the kinds of its arguments. Each kind has a value that is right and
//! values that are wrong; each wrong one is tried with all others right.
#![cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
#![allow(clippy::cast_sign_loss, reason = "a word is a word")]

use std::ffi::CStr;
use std::mem::offset_of;

use laneq::capi::*;
use status::*;

use crate::args::{Arg, Room, Shape, call, nothing};
use crate::header::functions;
use crate::stage::Stage;

impl Shape {
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
        let mut wrong = Vec::new();
        for at in self.strings() {
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
            Self::Absent => {}
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

fn told(status: i32) -> String {
    // SAFETY: it has a NUL at its end, and lives for ever.
    let words = unsafe { CStr::from_ptr(laneq_status_text(status)) };
    format!("{status} ({})", words.to_string_lossy())
}

/// Rows of `FAILURES.md`: F14, F15.
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
