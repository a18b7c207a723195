//! Reads messages and controls, at the pace of a replay, and waits for room if it must.

use std::io::BufRead;
use std::time::{Duration, Instant};

use laneq::{Message, Reason};

use super::app::App;
use super::control;
use super::exit::Trouble;
use super::fields::{self, Asked};
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

/// Reads messages and controls to the end, or until the program ends.
pub fn read_input(app: &App, from: impl BufRead) {
    let mut pace = Pace::default();
    each_line(
        app,
        from,
        || app.books().is_open(),
        |asked, bytes| match asked {
            Asked::Message { message, at } => {
                if let Some(at) = at.filter(|_| app.args.replay > 0.0) {
                    app.books().wait_until(pace.due(at, app.args.replay));
                }
                submit(app, message, bytes);
            }
            Asked::Control(order) => control::obey(app, &order),
        },
    );
}

/// Reads controls only. Never waits: neither for room nor for the output.
pub fn read_control(app: &App, from: impl BufRead) {
    each_line(
        app,
        from,
        || app.books().is_controlled(),
        |asked, _| match asked {
            Asked::Control(order) => control::obey(app, &order),
            Asked::Message { message, .. } => control::refuse_message(app, &message),
        },
    );
}

fn each_line(
    app: &App,
    mut from: impl BufRead,
    go_on: impl Fn() -> bool,
    mut act: impl FnMut(Asked, usize),
) {
    let mut line = Vec::new();
    let mut number = 0;
    while go_on() {
        let most = app.in_use().line_bytes;
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
                        Ok(asked) => act(asked, line.len()),
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

fn submit(app: &App, message: Message, bytes: usize) {
    app.wait_room();
    // Words for the queue need no room, and may be what makes some.
    if app.waits && !app.engine.is_control(&message) {
        let key = app.engine.key_of(&message).unwrap_or_default();
        app.books().wait_room(&key, bytes, || app.room_of(&message));
    }
    if !app.books().is_open() {
        app.turn_away(&message);
    } else {
        let refused = app.books().admit(bytes, || app.engine.submit(message)).err();
        // Any other refusal has been told by its event, with the reason.
        if let Some(answer) = refused.filter(|refused| refused.reason == Reason::Directive) {
            control::answer(app, &answer.message, &answer.detail);
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
