//! What the parts of `laneq run` share.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use laneq::{Engine, Event, Fate, Message, Observer, Outcome, Reason, Record};

use super::args::RunArgs;
use super::books::{Books, Bounds, Ending};
use super::console::Console;
use super::exit::{Trouble, Troubles};
use super::output::{self, Body};
use super::reaper::Reaper;
use super::setup;
use super::writer::Writer;

/// How long the end may take when it is to come at once.
pub const MOMENT: Duration = Duration::from_secs(1);

/// Hears every event: writes its line, keeps the books, notes what the exit code should tell.
pub struct Feed {
    pub writer: Writer,
    pub books: Books,
    pub troubles: Troubles,
    pub console: Console,
    /// Whether `run.started` carries its text.
    pub show_text: bool,
}

impl Observer for Feed {
    fn on_event(&self, record: &Record) {
        if is_trouble(&record.event) {
            self.troubles.note(Trouble::Messages);
        }
        // The books know it before anybody who reads the line can ask about it.
        self.books.keep(&record.event);
        if let Some(line) = output::line(record) {
            self.writer.push(line);
        }
        // And whoever waits for the end goes on once the line is on its way.
        self.books.tell();
    }

    fn wants_text(&self) -> bool {
        self.show_text
    }
}

fn is_trouble(event: &Event) -> bool {
    match event {
        Event::Refused { .. } => true,
        Event::Fate { fate, .. } => matches!(fate, Fate::Dropped | Fate::Expired | Fate::Parked),
        Event::RunFinished { outcome, .. } => {
            matches!(outcome, Outcome::Failed | Outcome::Panicked)
        }
        _ => false,
    }
}

/// The engine and its feed, with the settings that input and agents need.
pub struct App {
    pub engine: Engine,
    pub feed: Arc<Feed>,
    /// Set if the input waits for room instead of using the drop policy.
    pub bounds: Option<Bounds>,
    /// Longest input line.
    pub line_bytes: usize,
    /// Deadline of a drain that names none.
    pub drain_within: Duration,
    pub args: RunArgs,
    /// From a stop to SIGTERM, and from SIGTERM to SIGKILL.
    pub grace: Duration,
    pub reaper: Reaper,
}

impl App {
    pub fn books(&self) -> &Books {
        &self.feed.books
    }

    /// A line of the program's own, in order with the engine's events.
    pub fn say(&self, name: &'static str, body: Body) {
        self.engine.note(name, body.object());
    }

    /// Blocks while too many lines are unwritten.
    pub fn wait_room(&self) {
        self.feed.writer.wait_room(|| self.engine.events_behind());
    }

    /// The end is to come within this time, also if only the reader of the output is waited for.
    pub fn drain(&self, within: Duration) {
        self.books().end(Ending::Drain(within));
        self.feed.writer.limit(Instant::now().checked_add(within));
    }

    /// Lets everybody go who waits, and kills every agent: the end is to come at once.
    pub fn hurry(&self) {
        self.feed.writer.hurry();
        self.feed.writer.limit(Instant::now().checked_add(MOMENT));
        self.reaper.kill_all();
    }

    /// The bounds for this message: its session may have a cap of its own.
    pub fn room_of(&self, message: &Message, bounds: Bounds) -> Bounds {
        let force = self.engine.explain(message);
        force.map_or(bounds, |force| Bounds { cap: force.cap.value, ..bounds })
    }

    /// Reads the settings anew, from this file or the one that the program was started with.
    pub fn reload(&self, file: Option<&str>) -> Result<String, String> {
        let path = file.map(PathBuf::from).or_else(|| self.args.config.clone());
        let Some(path) = path else {
            return Err("reload needs a file: none was named with --config".to_owned());
        };
        let args = RunArgs { config: Some(path), ..self.args.clone() };
        let done = setup::config(&args).and_then(|config| {
            self.engine.reload(config).map(|done| done.to_string()).map_err(|e| e.to_string())
        });
        if let Err(error) = &done {
            self.feed.console.warn(format_args!("the settings stay as they were: {error}"));
        }
        done
    }

    /// A message that was read, but came too late: it does not vanish. P4.
    pub fn turn_away(&self, message: &Message) {
        self.feed.troubles.note(Trouble::Messages);
        self.feed.books.note_refused();
        let key = self.engine.key_of(message).unwrap_or_default();
        let body = Body::new().maybe(message.id(), |body, id| body.text("id", id));
        let body = body.text("key", &key).text("reason", Reason::Draining.as_str());
        self.say("message.refused", body.text("detail", "the program is about to end"));
    }

    pub fn invalid(&self, line: u64, error: &str) {
        self.feed.troubles.note(Trouble::Input);
        self.feed.books.note_invalid();
        self.say("input.invalid", Body::new().number("line", line).text("error", error));
    }
}
