//! The one thread that owns standard output and the event file.
//!
//! Whoever has a line pushes it and goes on. Nothing is lost: instead, those who make lines wait
//! in [`Writer::wait_room`] while more than [`ROOM`] are unwritten. P9.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::console::Console;
use super::output::millis;

/// Unwritten lines from which on input and the ends of runs wait.
pub const ROOM: u64 = 10_000;

/// A line that has no number yet.
#[derive(Debug)]
pub struct Line {
    pub name: &'static str,
    pub at: Duration,
    /// Each field after a comma.
    pub fields: String,
    /// The number of its event in the engine; 0 if it is none of the engine's.
    pub record: u64,
}

impl Line {
    /// Appends the line as JSON, with its number and a line feed.
    pub fn write(&self, seq: u64, text: &mut String) {
        let at = millis(self.at);
        let fields = &self.fields;
        writeln!(text, "{{\"event\":\"{}\",\"seq\":{seq},\"t_ms\":{at}{fields}}}", self.name)
            .expect("memory takes every line");
    }

    /// Whether standard output keeps it when there is an event file.
    fn is_answer(&self) -> bool {
        matches!(self.name, "reply" | "control.done" | "control.failed" | "input.invalid")
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Life {
    Going,
    /// What is queued is written, then the thread ends.
    Finishing,
    /// The output is closed: nothing more is written.
    Broken,
    Ended,
}

struct State {
    queue: VecDeque<Line>,
    /// Queued lines and the one that is being written.
    unwritten: u64,
    /// The last event of the engine that was written.
    written: u64,
    life: Life,
    /// Nobody waits for room any more: the engine is being closed.
    hurried: bool,
    /// When the last lines are given up.
    until: Option<Instant>,
}

/// The queue of lines. Shared by everybody; one thread runs [`Writer::work`].
pub struct Writer {
    state: Mutex<State>,
    /// Lines have come, or the end: for the thread that writes.
    work: Condvar,
    /// Lines have gone, or the end: for those who wait for room.
    room: Condvar,
}

impl Writer {
    pub fn new() -> Self {
        let queue = VecDeque::new();
        let (unwritten, written, life) = (0, 0, Life::Going);
        let state = State { queue, unwritten, written, life, hurried: false, until: None };
        Self { state: Mutex::new(state), work: Condvar::new(), room: Condvar::new() }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Queues a line. Never blocks.
    pub fn push(&self, line: Line) {
        let mut state = self.lock();
        if matches!(state.life, Life::Going | Life::Finishing) {
            state.queue.push_back(line);
            state.unwritten += 1;
            self.work.notify_one();
        }
    }

    /// Blocks while too many lines are unwritten, those that `behind` counts included.
    pub fn wait_room(&self, behind: impl Fn() -> u64) {
        let mut state = self.lock();
        // What is behind will be pushed and then written, which wakes whoever waits here.
        while state.life == Life::Going && !state.hurried && state.unwritten + behind() > ROOM {
            state = self.room.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Blocks until the line of this event is written and flushed. False if it will not be, or if
    /// the end is to come at once.
    pub fn wait_written(&self, record: u64) -> bool {
        let mut state = self.lock();
        while state.written < record {
            if !matches!(state.life, Life::Going | Life::Finishing) || state.hurried {
                return false;
            }
            state = self.room.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        true
    }

    /// Lets everybody go who waits for room, now and later.
    pub fn hurry(&self) {
        self.lock().hurried = true;
        self.room.notify_all();
    }

    /// What is unwritten then is given up, if all else is over and only the reader is waited for.
    pub fn limit(&self, until: Option<Instant>) {
        let mut state = self.lock();
        state.until = state.until.into_iter().chain(until).min();
        self.room.notify_all();
    }

    /// Whether the engine is being closed at once.
    pub fn is_hurried(&self) -> bool {
        self.lock().hurried
    }

    /// Blocks until everything is written, or until `until`; without one, until the
    /// [`limit`](Self::limit) if there is any. Answers how many lines were not written.
    pub fn finish(&self, until: Option<Instant>) -> u64 {
        let mut state = self.lock();
        state.until = until.or(state.until);
        if state.life == Life::Going {
            state.life = Life::Finishing;
        }
        self.work.notify_one();
        while state.life == Life::Finishing {
            let left = state.until.map(|at| at.saturating_duration_since(Instant::now()));
            if left.is_some_and(|left| left.is_zero()) {
                break;
            }
            // An hour stands for "no limit"; the loop comes back after it.
            let left = left.unwrap_or(Duration::from_secs(3600));
            let waited = self.room.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        state.unwritten
    }

    /// Writes what is pushed until [`finish`](Self::finish), or until the output is closed.
    pub fn work(&self, mut outlets: Outlets) -> io::Result<()> {
        loop {
            let line = {
                let mut state = self.lock();
                loop {
                    if let Some(line) = state.queue.pop_front() {
                        break line;
                    }
                    if state.life != Life::Going {
                        state.life = Life::Ended;
                        self.room.notify_all();
                        return Ok(());
                    }
                    state = self.work.wait(state).unwrap_or_else(PoisonError::into_inner);
                }
            };
            let written = outlets.write(&line);
            let mut state = self.lock();
            if let Err(error) = written {
                state.life = Life::Broken;
                state.queue.clear();
                self.room.notify_all();
                return Err(error);
            }
            state.unwritten -= 1;
            // Lines come in the order of their events.
            state.written = state.written.max(line.record);
            if state.unwritten <= ROOM {
                self.room.notify_all();
            }
        }
    }
}

/// Where lines go.
pub struct Outlets<'a> {
    stdout: io::Stdout,
    events: Option<File>,
    /// Only if standard output is a terminal: its status line must give way.
    console: Option<&'a Console>,
    seq: u64,
    text: String,
}

impl<'a> Outlets<'a> {
    pub fn new(events: Option<File>, console: &'a Console) -> Self {
        let stdout = io::stdout();
        let console = stdout.is_terminal().then_some(console);
        Self { stdout, events, console, seq: 0, text: String::new() }
    }

    fn write(&mut self, line: &Line) -> io::Result<()> {
        self.seq += 1;
        self.text.clear();
        line.write(self.seq, &mut self.text);
        let bytes = self.text.as_bytes();
        if let Some(events) = &mut self.events {
            events.write_all(bytes)?;
            if !line.is_answer() {
                return Ok(());
            }
        }
        let mut stdout = self.stdout.lock();
        let mut print = || stdout.write_all(bytes).and_then(|()| stdout.flush());
        match self.console {
            Some(console) => console.around(print),
            None => print(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line() -> Line {
        Line { name: "stats", at: Duration::ZERO, fields: String::new(), record: 0 }
    }

    #[test]
    fn room_is_there_at_once_when_little_is_unwritten_or_all_is_hurried() {
        let writer = Writer::new();
        writer.push(line());
        writer.wait_room(|| ROOM - 1);
        writer.hurry();
        writer.wait_room(|| ROOM);
    }

    #[test]
    fn p11_nobody_waits_for_a_line_that_will_not_be_written() {
        let writer = Writer::new();
        writer.push(Line { record: 7, ..line() });
        writer.hurry();
        assert!(!writer.wait_written(7));
        assert!(writer.wait_written(0));
    }

    #[test]
    fn what_is_not_written_in_time_is_counted() {
        let writer = Writer::new();
        writer.push(line());
        writer.push(line());
        assert_eq!(writer.finish(Some(Instant::now())), 2);
    }

    #[test]
    fn p12_a_reader_that_stalls_is_waited_for_up_to_the_limit() {
        let writer = Writer::new();
        writer.push(line());
        writer.limit(Some(Instant::now()));
        assert_eq!(writer.finish(None), 1);
    }

    #[test]
    fn only_answers_stay_on_standard_output_beside_an_event_file() {
        assert!(!line().is_answer());
        assert!(Line { name: "reply", ..line() }.is_answer());
    }
}
