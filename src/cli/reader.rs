//! Reads messages and controls, at the pace of a replay, and waits for room if it must.

use std::io::{BufReader, Read};
use std::time::{Duration, Instant};

use laneq::{Message, Reason};

use super::app::App;
use super::control;
use super::exit::Trouble;
use super::fields::{self, Asked};
use super::flights::Flights;
use super::lines::{self, Next};

/// The pace of a replay: begins with the first message that has a time.
#[derive(Debug, Default)]
struct Pace {
    began: Option<(Instant, u64)>,
}

impl Pace {
    /// When a message of this time is due.
    fn due(&mut self, at: u64, speed: f64) -> Instant {
        let (began, first) = *self.began.get_or_insert_with(|| (Instant::now(), at));
        let after = Duration::from_millis(at.saturating_sub(first));
        // A time beyond all clocks is due at once, like one without a time.
        let after = Duration::try_from_secs_f64(after.as_secs_f64() / speed).unwrap_or_default();
        began.checked_add(after).unwrap_or(began)
    }
}

/// Who reads lines.
trait Reads {
    /// Whether there is any use in reading on.
    fn goes_on(&self) -> bool;
    /// Nothing is known of the next line yet: reading it may take for ever.
    fn rest(&mut self);
    fn take(&mut self, asked: Asked, bytes: usize);
}

/// Messages and controls.
struct Input<'a> {
    app: &'a App,
    pace: Pace,
    flights: Flights,
}

impl Reads for Input<'_> {
    fn goes_on(&self) -> bool {
        self.app.books().is_open()
    }

    fn rest(&mut self) {
        self.flights.land(self.app);
    }

    fn take(&mut self, asked: Asked, bytes: usize) {
        match asked {
            Asked::Message { message, at } => {
                if let Some(at) = at.filter(|_| self.app.args.replay > 0.0) {
                    self.rest();
                    self.app.books().wait_until(self.pace.due(at, self.app.args.replay));
                }
                self.submit(message, bytes);
            }
            Asked::Control(order) => {
                // It is about what came before it.
                self.rest();
                control::obey(self.app, &order);
            }
        }
    }
}

impl Input<'_> {
    fn submit(&mut self, message: Message, bytes: usize) {
        let app = self.app;
        app.wait_room();
        // Words for the queue need no room, and may be what makes some.
        let words = app.engine.is_control(&message);
        let key = app.engine.key_of(&message).unwrap_or_default().to_string();
        if words {
            self.rest();
        } else if app.waits {
            if !app.books().has_room(&key, bytes, app.room_of(&message)) {
                // What is refused on its way makes room.
                self.rest();
            }
            app.books().wait_room(&key, bytes, || app.room_of(&message));
        }
        if !app.books().is_open() {
            return app.turn_away(&message);
        }
        let sent = if app.feed.journaled && !words {
            self.flights.send(app, message, key, bytes)
        } else {
            app.books().admit(bytes, || app.engine.submit(message)).map(drop)
        };
        // Any other refusal has been told by its event, with the reason.
        if let Err(answer) = sent
            && answer.reason == Reason::Directive
        {
            control::answer(app, &answer.message, &answer.detail);
        }
    }
}

/// Controls only. Never waits: neither for room nor for the output.
struct Controls<'a>(&'a App);

impl Reads for Controls<'_> {
    fn goes_on(&self) -> bool {
        self.0.books().is_controlled()
    }

    fn rest(&mut self) {}

    fn take(&mut self, asked: Asked, _: usize) {
        match asked {
            Asked::Control(order) => control::obey(self.0, &order),
            Asked::Message { message, .. } => control::refuse_message(self.0, &message),
        }
    }
}

/// Reads messages and controls to the end, or until the program ends.
pub fn read_input(app: &App, from: BufReader<impl Read>) {
    let mut input = Input { app, pace: Pace::default(), flights: Flights::default() };
    each_line(app, from, &mut input);
    input.rest();
}

/// Reads controls only.
pub fn read_control(app: &App, from: BufReader<impl Read>) {
    each_line(app, from, &mut Controls(app));
}

fn each_line(app: &App, mut from: BufReader<impl Read>, reads: &mut impl Reads) {
    let mut line = Vec::new();
    let mut number = 0;
    while reads.goes_on() {
        let most = app.in_use().line_bytes;
        if !from.buffer().contains(&b'\n') {
            reads.rest();
        }
        match lines::next(&mut from, &mut line, most) {
            Ok(Next::End) => return,
            Ok(Next::TooLong) => {
                number += 1;
                app.invalid(number, &format!("longer than {most} bytes"));
            }
            Ok(Next::Line) => {
                number += 1;
                if !line.iter().all(u8::is_ascii_whitespace) {
                    match fields::read(&line) {
                        Ok(asked) => reads.take(asked, line.len()),
                        Err(error) => app.invalid(number, &error),
                    }
                }
            }
            Err(error) => {
                app.feed.console.warn(format_args!("the input cannot be read on: {error}"));
                app.feed.troubles.note(Trouble::Input);
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replay_keeps_the_gaps_between_messages_and_begins_at_once() {
        let mut pace = Pace::default();
        let first = pace.due(5_000, 2.0);
        assert_eq!(pace.due(7_000, 2.0) - first, Duration::from_secs(1));
        assert_eq!(pace.due(1_000, 2.0), first, "a time that goes back is due at once");
    }
}
