//! Bytes as a sequence of calls: any function, any handles, numbers and strings. Whatever comes, no
//! call panics or hangs, and every engine can be closed with nothing pending. The fuzzer of
//! `tests/fuzz` drives it, too.
//!
//! Only what C cannot be asked to check is right: pointers point to what their type says. And nothing
//! waits for what this one thread alone could do.
#![allow(clippy::cast_sign_loss, reason = "a word is a word")]

use laneq::capi::*;
use status::*;

use crate::args::{Arg, Of, Room, Shape, call, nothing};
use crate::table::rows;

/// Bytes that run out are 0.
struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    fn word(&mut self) -> u64 {
        (0..8).fold(0, |word, _| word << 8 | u64::from(self.byte()))
    }

    fn below(&mut self, most: usize) -> usize {
        usize::from(self.byte()) % most.max(1)
    }

    fn text(&mut self) -> &'a [u8] {
        let len = self.below(24).min(self.0.len());
        let (text, rest) = self.0.split_at(len);
        self.0 = rest;
        text
    }
}

/// Texts that mean something somewhere.
const WORDS: &[&str] =
    &["main", "cron", "c0", "c1", "k", "/stop", "/queue steer", "{}", "[1]", "", "\u{e9}", "\u{0}"];

/// Settings that mean something. None names a file.
const SETTINGS: &[&str] = &[
    "",
    "[lanes.main]\nconcurrency = 1\n",
    "[queue]\nmode = \"followup\"\ndebounce = \"0ms\"\n",
    "[queue]\ncap = 1\ndrop = \"summarize\"\n",
    "{}",
];

/// Most engines of one sequence: each has its threads.
const ENGINES: usize = 3;

impl Of {
    /// What the handles of a kind begin with.
    fn number(self) -> u64 {
        match self {
            Self::Engine | Self::Pulling => 1,
            Self::Receipt => 2,
            Self::Run | Self::Pulled | Self::Dropped => 3,
            Self::Steers => 4,
            Self::Results => 5,
            Self::Token => 6,
            Self::Registration => 7,
            Self::Events => 8,
            Self::Text => 9,
            Self::Report => 10,
            Self::Port => 11,
            Self::Admission => 12,
        }
    }
}

/// What lies between the driver and the library: a call with its name, whether one of its handles was
/// freed before, and its answer. A planted mistake answers otherwise.
pub type Seam = fn(name: &str, freed: bool, status: i32) -> i32;

fn kind(handle: u64) -> u64 {
    handle >> 49
}

/// One sequence: what it was given, and what its calls point at.
struct Driver<'a> {
    bytes: Bytes<'a>,
    handles: Vec<u64>,
    /// Those that were freed: never served again.
    freed: Vec<u64>,
    rooms: Vec<Box<Room>>,
    seam: Seam,
    /// How often each function did what it was asked.
    done: [usize; 256],
}

impl Driver<'_> {
    /// An engine and a port of its lane `main`, so that a sequence gets somewhere soon.
    fn set_up(&mut self) {
        let config = self.structure(Shape::Config);
        let (mut made, null) = ([0_u64; 2], std::ptr::null_mut());
        let [engine, port] = &mut made;
        // SAFETY: the places are ours, and the settings are a room of theirs.
        unsafe {
            if engine::laneq_engine_new(config as *const _, &raw mut *engine, null) != LANEQ_OK {
                return;
            }
            assert_eq!(port::laneq_port_open(*engine, &raw mut *port, null), LANEQ_OK);
            let lane = c"main".as_ptr();
            assert_eq!(port::laneq_port_bind(*port, lane, 4, std::ptr::null(), null), LANEQ_OK);
        }
        self.handles.extend(made);
    }

    fn handle(&mut self, of: Of) -> u64 {
        let right: Vec<u64> =
            self.handles.iter().copied().filter(|handle| kind(*handle) == of.number()).collect();
        match self.bytes.byte() {
            0 => self.bytes.word(),
            1 => self.handles.get(self.bytes.below(self.handles.len())).copied().unwrap_or(0),
            _ => right.get(self.bytes.below(right.len())).copied().unwrap_or(0),
        }
    }

    /// Pointer and length.
    fn text(&mut self) -> [u64; 2] {
        match self.bytes.byte() {
            0 => [0, 0],
            1 => [0, self.bytes.word()],
            at @ 2..200 => {
                let word = WORDS[usize::from(at) % WORDS.len()];
                [word.as_ptr() as u64, word.len() as u64]
            }
            _ => {
                let text = self.bytes.text();
                [text.as_ptr() as u64, text.len() as u64]
            }
        }
    }

    fn room(&mut self, room: Box<Room>) -> u64 {
        self.rooms.push(room);
        self.rooms.last().expect("it was pushed").word()
    }

    /// A struct whose strings are strings, and whose numbers are any.
    fn structure(&mut self, shape: Shape) -> u64 {
        let mut room = shape.right();
        for at in shape.strings() {
            if self.bytes.byte() > 128 {
                let text = match shape {
                    Shape::Config => {
                        let text = SETTINGS[self.bytes.below(SETTINGS.len())];
                        [text.as_ptr() as u64, text.len() as u64]
                    }
                    _ => self.text(),
                };
                room.put(*at, text);
            }
        }
        for _ in 0..self.bytes.below(4) {
            let numbers = shape.numbers();
            let Some(at) = numbers.get(self.bytes.below(numbers.len())) else { break };
            let number = match self.bytes.byte() {
                0 => self.bytes.word() as u32,
                small => u32::from(small % 8),
            };
            room.put(*at, number);
        }
        if self.bytes.byte() == 0 {
            // Its rest is 0, and its memory is the room's whatever it says.
            room.put(0, self.bytes.below(256) * 16);
        }
        self.room(room)
    }

    fn time(&mut self) -> u64 {
        match self.bytes.byte() {
            0 => i64::MIN as u64,
            1 => -2_i64 as u64,
            ms => u64::from(ms % 3),
        }
    }

    fn words(&mut self, arg: Arg) -> Vec<u64> {
        let absent = matches!(arg, Arg::OutMaybe | Arg::StructMaybe(_) | Arg::OutStructMaybe(_));
        // A required one is NULL now and then.
        if self.bytes.byte() < if absent { 128 } else { 4 } && is_pointer(arg) {
            return vec![0];
        }
        match arg {
            Arg::Handle(of) => vec![self.handle(of)],
            Arg::Text(_) | Arg::Maybe => self.text().into(),
            Arg::Out | Arg::OutMaybe | Arg::Error => vec![self.room(Room::boxed())],
            Arg::Struct(shape) | Arg::StructMaybe(shape) => vec![self.structure(shape)],
            Arg::OutStruct(shape) | Arg::OutStructMaybe(shape) => {
                vec![self.room(shape.right())]
            }
            Arg::Number(_) => vec![self.bytes.below(8) as u64],
            Arg::Time => vec![self.time()],
            Arg::Any(_) => vec![u64::from(self.bytes.byte())],
            Arg::Absent => vec![0],
            Arg::Call => vec![nothing as *const () as u64],
            Arg::User => vec![0, 0],
        }
    }

    /// The calls of a plan: an array of strings, as long as it says.
    fn plan(&mut self) -> [u64; 2] {
        let mut room = Room::boxed();
        let count = self.bytes.below(5);
        for at in 0..count {
            let text = self.text();
            room.put(at * 16, text);
        }
        [self.room(room), count as u64]
    }

    fn may_call(&self, name: &str) -> bool {
        let count = |number| self.handles.iter().filter(|h| kind(**h) == number).count();
        match name {
            "laneq_engine_new" => count(1) < ENGINES,
            // It comes back with a slot only, which another run in this thread's hands may have.
            "laneq_run_wait" => count(3) == 0,
            _ => true,
        }
    }

    fn step(&mut self) {
        let rows = rows();
        let which = self.bytes.below(rows.len());
        let (name, function, args) = rows[which];
        if !self.may_call(name) {
            return;
        }
        let first = self.rooms.len();
        let (mut words, mut given) = (Vec::new(), Vec::new());
        for arg in args {
            let own = self.words(*arg);
            given.extend(own.first().filter(|_| matches!(arg, Arg::Handle(_))));
            words.extend(own);
        }
        if name == "laneq_run_plan" {
            let [calls, count] = self.plan();
            (words[1], words[2]) = (calls, count);
        }
        let late = given.iter().any(|handle| self.freed.contains(handle));
        let status = (self.seam)(name, late, call(function, &words));
        assert_ne!(status, LANEQ_E_PANIC, "{name} {words:x?}");
        assert!((-120..=0).contains(&status), "{name}: {status}");
        assert!(!(late && status == LANEQ_OK), "{name} serves what was freed: {words:x?}");
        if status == LANEQ_OK && name.ends_with("_free") {
            self.freed.extend(given.into_iter().filter(|handle| *handle != 0));
        }
        self.done[which] += usize::from(status == LANEQ_OK);
        // Whatever was written and looks like a handle is one that may be used.
        for room in &self.rooms[first..] {
            for at in [0, 16] {
                let handle = room.read(at);
                if (1..=12).contains(&kind(handle)) && !self.handles.contains(&handle) {
                    self.handles.push(handle);
                }
            }
        }
    }

    /// Everything is let go, and every engine closes with nothing pending.
    fn end(&self) {
        let of = |number| self.handles.iter().copied().filter(move |h| kind(*h) == number);
        let free = |number, free: extern "C" fn(u64) -> i32| {
            let known = |status| [LANEQ_OK, LANEQ_E_HANDLE, LANEQ_E_INVALID].contains(&status);
            of(number).for_each(|handle| assert!(known(free(handle)), "{handle}"));
        };
        free(4, steers::laneq_steers_free);
        free(3, notice::laneq_run_free);
        for engine in of(1) {
            let (null, long) = (std::ptr::null_mut(), 60_000);
            // SAFETY: nothing is pointed at.
            let status = unsafe { ending::laneq_engine_close(engine, long, null, null.cast()) };
            assert!([LANEQ_OK, LANEQ_E_HANDLE].contains(&status), "it closes: {status}");
            assert!(pending(engine).is_none_or(|pending| pending == 0), "nothing is pending");
        }
        free(1, engine::laneq_engine_free);
        free(2, receipt::laneq_receipt_free);
        free(5, ledger::laneq_results_free);
        free(6, token::laneq_token_free);
        free(7, token::laneq_registration_free);
        free(8, events::laneq_events_free);
        free(9, text::laneq_text_free);
        free(10, ending::laneq_report_free);
        free(11, port::laneq_port_free);
        free(12, admission::laneq_admission_free);
    }
}

fn is_pointer(arg: Arg) -> bool {
    use Arg::*;
    matches!(
        arg,
        Out | OutMaybe
            | Struct(_)
            | StructMaybe(_)
            | OutStruct(_)
            | OutStructMaybe(_)
            | Call
            | Error
    )
}

/// What an engine still has; none if it is not there.
fn pending(engine: u64) -> Option<u64> {
    let (mut json, mut text) = (0, text::laneq_str { data: std::ptr::null(), len: 0 });
    let null = std::ptr::null_mut();
    // SAFETY: the places are ours.
    if unsafe { engine::laneq_engine_stats(engine, &raw mut json, null) } != LANEQ_OK {
        return None;
    }
    // SAFETY: as above.
    assert_eq!(unsafe { text::laneq_text_get(json, &raw mut text, null) }, LANEQ_OK);
    // SAFETY: the text lives until it is freed below.
    let bytes = unsafe { std::slice::from_raw_parts(text.data.cast::<u8>(), text.len) };
    let words = String::from_utf8(bytes.to_vec()).expect("UTF-8");
    assert_eq!(text::laneq_text_free(json), LANEQ_OK);
    let rest = words.split("\"pending\":").nth(1).expect("a figure");
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

/// Makes the calls that these bytes stand for; answers how many functions did what they were asked.
pub fn drive(bytes: &[u8]) -> usize {
    drive_through(bytes, |_, _, status| status)
}

/// The same, with something in between.
pub fn drive_through(bytes: &[u8], seam: Seam) -> usize {
    let (bytes, handles, freed, rooms) = (Bytes(bytes), Vec::new(), Vec::new(), Vec::new());
    let mut driver = Driver { bytes, handles, freed, rooms, seam, done: [0; 256] };
    driver.set_up();
    while !driver.bytes.0.is_empty() {
        driver.step();
    }
    driver.end();
    driver.done.iter().filter(|times| **times > 0).count()
}
