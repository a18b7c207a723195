//! What the parts of `laneq run` share.

use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use laneq::{
    BoxError, Cause, Config, Engine, Event, Fate, Message, Observer, Outcome, Reason, Record,
    Reply, Run,
};

use super::agent::Fleet;
use super::args::RunArgs;
use super::books::{Books, Bounds, Ending};
use super::console::Console;
use super::exit::{Trouble, Troubles};
use super::output::{self, Body};
use super::reaper::Reaper;
use super::setup;
use super::writer::{Line, Writer};

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
    /// Whether there is a journal: then the last reply of a run is written before the run ends.
    pub journaled: bool,
}

impl Feed {
    fn line(&self, record: &Record) -> Option<Line> {
        match &record.event {
            // The run has written it, and waited for it.
            Event::Reply(spoken) if spoken.last && self.journaled => None,
            _ => output::line(record),
        }
    }
}

impl Observer for Feed {
    fn on_event(&self, record: &Record) {
        if is_trouble(&record.event) {
            self.troubles.note(Trouble::Messages);
        }
        // The books know it before anybody who reads the line can ask about it.
        self.books.keep(&record.event);
        if let Some(line) = self.line(record) {
            self.writer.push(line);
        }
        if matches!(record.event, Event::JournalFailed { .. }) {
            // P11: what cannot be kept is not taken. What was accepted is returned, and kept.
            self.troubles.note(Trouble::Journal);
            self.books.end(Ending::Close);
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

/// The settings that the program itself needs; a reload replaces them whole.
pub struct InUse {
    pub fleet: Fleet,
    pub bounds: Bounds,
    /// Longest input line.
    pub line_bytes: usize,
    /// Deadline of a drain that names none.
    pub drain: Duration,
    /// From a stop to SIGTERM, and from SIGTERM to SIGKILL.
    pub grace: Duration,
}

impl InUse {
    pub fn new(fleet: Fleet, config: &Config) -> Self {
        let bounds = Bounds {
            cap: config.queue.cap,
            pending: config.limits.max_pending,
            bytes: config.limits.max_bytes,
        };
        let line_bytes = config.limits.message_bytes.saturating_mul(8).saturating_add(1 << 16);
        let (drain, grace) = (config.engine.drain, config.engine.stop_grace);
        Self { fleet, bounds, line_bytes, drain, grace }
    }
}

/// The engine and its feed, with the settings that input and agents need.
pub struct App {
    pub engine: Engine,
    pub feed: Arc<Feed>,
    /// Whether the input waits for room instead of using the drop policy.
    pub waits: bool,
    /// Locked for writing during a reload, so that no run meets half of it.
    pub settings: RwLock<Arc<InUse>>,
    pub args: RunArgs,
    pub reaper: Reaper,
}

impl App {
    pub fn books(&self) -> &Books {
        &self.feed.books
    }

    /// A line of the program's own, in order with the engine's events.
    pub fn say(&self, name: &'static str, body: Body) {
        let _ = self.engine.note(name, body.object());
    }

    /// Brings back what the journal kept. Waits for room in the output.
    pub fn recover(&self) {
        self.books().begin_recovery();
        let came = self.engine.recover(|receipt| {
            self.wait_room();
            self.books().bring_back(receipt);
        });
        self.books().end_recovery();
        // An error is an event too, which ends the program.
        let Ok(came) = came else { return };
        let (pending, parked) = (came.pending, came.parked + came.held);
        if pending + parked > 0 {
            let text =
                format!("back from the journal: {pending} pending, {parked} parked messages");
            self.feed.console.warn(text);
        }
    }

    /// What a handler came to, once its reply is written: with a journal a run settles after that.
    /// If it cannot be written, the run waits to be stopped by the end, and comes back.
    pub fn confirm(&self, run: &Run, result: Result<Reply, BoxError>) -> Result<Reply, BoxError> {
        if !self.feed.journaled {
            return result;
        }
        let ending = || matches!(run.stopped(), Some(Cause::Close | Cause::Drain));
        match &result {
            Ok(_) if run.stopped() == Some(Cause::Abandon) => return result,
            Ok(reply) => {
                let record = self.engine.note("reply", output::last_reply(run, reply).object());
                match record {
                    Some(record) if self.feed.writer.wait_written(record) => return result,
                    None if !ending() => {
                        self.feed.troubles.note(Trouble::Output);
                        self.books().end(Ending::Close);
                    }
                    _ => {}
                }
            }
            // An agent that was killed in the end has not failed.
            Err(_) if !self.feed.writer.is_hurried() => return result,
            Err(_) => {}
        }
        let _ = run.token().wait(Duration::MAX);
        Err("its reply could not be written".into())
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

    /// The settings in use.
    pub fn in_use(&self) -> Arc<InUse> {
        Arc::clone(&self.settings.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The bounds for this message now: its session may have a cap of its own.
    pub fn room_of(&self, message: &Message) -> Bounds {
        let (force, bounds) = (self.engine.explain(message), self.in_use().bounds);
        force.map_or(bounds, |force| Bounds { cap: force.cap.value, ..bounds })
    }

    /// Reads the settings anew, from this file or the one that the program was started with.
    pub fn reload(&self, file: Option<&str>) -> Result<String, String> {
        let done = self.reload_from(file);
        if let Err(error) = &done {
            self.feed.console.warn(format_args!("the settings stay as they were: {error}"));
        }
        done
    }

    fn reload_from(&self, file: Option<&str>) -> Result<String, String> {
        // The engine says so itself of what it refuses; the rest does not come so far.
        let refused = |error: String| {
            self.say("config.refused", Body::new().text("detail", &error));
            error
        };
        let path = file.map(PathBuf::from).or_else(|| self.args.config.clone());
        let path = path.ok_or_else(|| {
            refused("reload needs a file: none was named with --config".to_owned())
        })?;
        let args = RunArgs { config: Some(path), ..self.args.clone() };
        let config = setup::config(&args).map_err(refused)?;
        let fleet = setup::fleet(&args, &config).map_err(refused)?;
        if fleet.has_processes() {
            self.reaper.start().map_err(|e| refused(format!("the helper process: {e}")))?;
        }
        let next = Arc::new(InUse::new(fleet, &config));
        let mut settings = self.settings.write().unwrap_or_else(PoisonError::into_inner);
        let done = self.engine.reload(config).map_err(|error| error.to_string())?;
        *settings = next;
        Ok(done.to_string())
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
