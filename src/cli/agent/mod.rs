//! The agent command: one process a run, in a process group of its own, ended before the session
//! is given back.

mod first;
mod fleet;
mod folder;
mod jsonl;
mod plain;
mod process;
mod request;
mod serve;

use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io::{self, BufReader, Read};
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use laneq::{BoxError, Reply, Run, session_uuid};

pub use self::fleet::{Fleet, folded};

use super::app::App;
use super::args::Protocol;
use super::console::{Console, escaped};
use super::lines::{self, Next};

/// Variables that every agent is given, if they are set here.
const ENVIRONMENT: [&str; 7] = ["PATH", "HOME", "LANG", "TERM", "TMPDIR", "USER", "SHELL"];

/// Longest line of standard error that is forwarded whole.
const STDERR_LINE: usize = 16 * 1024;

/// Where an agent's standard error goes.
#[derive(Debug)]
pub enum StderrTo {
    Forward,
    Drop,
    File(File),
}

impl StderrTo {
    /// `forward`, `drop`, or a file that is appended to.
    pub fn named(name: &str) -> io::Result<Self> {
        Ok(match name {
            "forward" => Self::Forward,
            "drop" => Self::Drop,
            file => Self::File(OpenOptions::new().create(true).append(true).open(file)?),
        })
    }

    fn stdio(&self) -> io::Result<Stdio> {
        Ok(match self {
            Self::Forward => Stdio::piped(),
            Self::Drop => Stdio::null(),
            Self::File(file) => file.try_clone()?.into(),
        })
    }
}

/// How agents are started, and ended.
pub struct Agent {
    /// Program and arguments, with placeholders.
    pub words: Vec<String>,
    /// In their place while a session is new.
    pub first: Option<Vec<String>>,
    pub protocol: Protocol,
    pub stderr: StderrTo,
    pub environment: Vec<String>,
    pub grace: Duration,
    /// Where each session has a working directory of its own.
    pub folders: Option<PathBuf>,
}

/// What is known of the session from before this run, by its transcript.
struct Past {
    transcript: PathBuf,
    /// No run was done yet.
    new: bool,
}

impl Past {
    fn of(run: &Run) -> Option<Self> {
        run.transcript().map(|transcript| Self { transcript, new: run.is_new() })
    }
}

impl Agent {
    /// The handler: one run, one process.
    pub fn handle(&self, app: &Arc<App>, run: &Run) -> Result<Reply, BoxError> {
        let result = match self.protocol {
            Protocol::Plain => plain::handle(self, app, run),
            Protocol::Jsonl => jsonl::handle(self, app, run),
        };
        if let Err(error) = &result
            && run.stopped().is_none()
        {
            let key = escaped(run.key());
            app.feed.console.warn(format_args!("run {} of {key} failed: {error}", run.id()));
        }
        // The end of a run waits while nobody reads what came out of it.
        app.wait_room();
        result
    }

    /// The words of the command for this run.
    fn command(&self, run: &Run, past: Option<&Past>) -> Vec<String> {
        let session = session_uuid(run.key());
        let id = run.id().to_string();
        let fill = |word: &String| {
            let word = word.replace("{session}", &session).replace("{run}", &id);
            // Last, since a key may contain anything.
            word.replace("{key}", run.key())
        };
        let first = self.first.as_ref().filter(|_| past.is_some_and(|past| past.new));
        first.unwrap_or(&self.words).iter().map(fill).collect()
    }

    /// The whole environment of this run's process.
    fn environment(&self, run: &Run, past: Option<Past>) -> Vec<(String, OsString)> {
        let listed = ENVIRONMENT.iter().copied().chain(self.environment.iter().map(String::as_str));
        let inherited = listed.filter_map(|name| Some((name.to_owned(), std::env::var_os(name)?)));
        let own = [
            ("LANEQ_KEY", run.key().to_owned()),
            ("LANEQ_SESSION", session_uuid(run.key())),
            ("LANEQ_RUN", run.id().to_string()),
            ("LANEQ_LANE", run.lane().to_owned()),
            ("LANEQ_ATTEMPT", run.attempt().to_string()),
            ("LANEQ_BATCH", run.batch().len().to_string()),
        ];
        let own = own.map(|(name, value)| (name.to_owned(), value.into()));
        let past = past.map(|Past { transcript, new }| {
            let new = OsString::from(if new { "1" } else { "0" });
            [("LANEQ_NEW".to_owned(), new), ("LANEQ_TRANSCRIPT".to_owned(), transcript.into())]
        });
        inherited.chain(own).chain(past.into_iter().flatten()).collect()
    }
}

/// Forwards a standard error line by line, with the key and the run in front, to its end.
fn forward(console: &Console, from: impl Read, key: &str, run: laneq::RunId) {
    let key = escaped(key);
    let mut from = BufReader::new(from);
    let mut line = Vec::new();
    loop {
        match lines::next(&mut from, &mut line, STDERR_LINE) {
            Ok(Next::Line) => {
                let text = String::from_utf8_lossy(&line);
                console.print(&format!("[{key} run {run}] {text}\n"));
            }
            Ok(Next::TooLong) => {
                console.print(&format!("[{key} run {run}] (a line over {STDERR_LINE} bytes)\n"));
            }
            Ok(Next::End) | Err(_) => return,
        }
    }
}
