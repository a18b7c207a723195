//! Transcripts: what each session's runs were given, did and answered, in a file of lines.
//!
//! `DIR/<name>.jsonl`, where the [name](super::name) is made from the key; `DIR/index.jsonl` has a
//! line `{"key","file"}` for each. Every line is a JSON object, written at once and whole. The
//! first is `{"transcript":1,"key"}`; the others begin with `run` and `at` (RFC 3339) and go on
//! with:
//!
//! | `event` | Fields |
//! |---|---|
//! | `started` | `lane attempt messages summary summary_of`; `messages`: `id sender authority source text payload media meta seen`, `summary`: the lines about dropped messages |
//! | `steered` | `messages`: steers, at the place where they were committed |
//! | `called` | `results`: `call state error effects code result`, in source order, when a plan is settled |
//! | `said`, `replied` | `text`: before the end, and at the end |
//! | `ended` | `outcome cause error run_ms retry`; `retry`: the batch will run again |
//!
//! Fields that are empty are left out. A run's `ended` is there before anything that follows from
//! its end. What an abandoned run had begun to write may come after it: its `run` tells.
//!
//! Nothing is kept open or in memory between two lines but the folder, and no lock is held.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde::Serialize;

use super::Told;
use super::folder::Folder;
use super::name::file_name;
use super::tail::{self, Mended};
use crate::model::{Error, RunId};
use crate::sync::atomic::{AtomicU8, Ordering};

/// The index from keys to files; no session's file has this name.
const INDEX: &str = "index.jsonl";

/// The transcripts of an engine's sessions.
pub(crate) struct Transcripts {
    folder: Folder,
    /// 1 while the last write has failed: a streak of failures is said once.
    failing: AtomicU8,
}

#[derive(Serialize)]
struct Head<'a> {
    transcript: u32,
    key: &'a str,
}

#[derive(Serialize)]
struct Indexed<'a> {
    key: &'a str,
    file: &'a str,
}

#[derive(Serialize)]
struct Line<'a> {
    run: u64,
    at: String,
    #[serde(flatten)]
    told: &'a Told<'a>,
}

fn file_of(key: &str) -> String {
    format!("{}.jsonl", file_name(key))
}

impl Transcripts {
    /// Opens the folder, made for its owner alone if it is not there.
    pub(crate) fn open(dir: &Path) -> Result<Self, Error> {
        let this = Self { folder: Folder::open(dir)?, failing: AtomicU8::new(0) };
        let index = this.folder.existing(INDEX);
        index
            .and_then(|index| index.map_or(Ok(()), |index| this.mend(INDEX, &index)))
            .map_err(|error| Error::System(error.to_string()))?;
        Ok(this)
    }

    /// Where a session's transcript is, or will be: an absolute path.
    pub(crate) fn path(&self, key: &str) -> PathBuf {
        self.folder.path_of(&file_of(key))
    }

    /// Where it is, if there is one.
    pub(crate) fn find(&self, key: &str) -> Option<PathBuf> {
        let name = file_of(key);
        self.folder.has(&name).then(|| self.folder.path_of(&name))
    }

    /// Whether no run of the session was done yet; also if that cannot be read.
    pub(crate) fn is_new(&self, key: &str) -> bool {
        let file = self.folder.existing(&file_of(key));
        let done = file.and_then(|f| f.map_or(Ok(false), |f| tail::any_line(&f, is_done)));
        !done.unwrap_or_else(|error| {
            log::error!("whether a session is new cannot be read: {error}");
            false
        })
    }

    /// Appends one record. A failure hurts nobody: the first of a streak is answered, to be said.
    pub(crate) fn write(
        &self,
        key: &str,
        run: RunId,
        at: SystemTime,
        told: &Told<'_>,
    ) -> Option<String> {
        let at = humantime::format_rfc3339_millis(at).to_string();
        let line = Line { run: run.get(), at, told };
        let first = matches!(told, Told::Started { .. });
        match self.append(key, &line, first) {
            Ok(()) => {
                if self.failing.load(Ordering::Relaxed) == 1 {
                    self.failing.store(0, Ordering::Relaxed);
                }
                None
            }
            Err(error) => {
                let failed_before = self.failing.swap(1, Ordering::Relaxed) == 1;
                (!failed_before).then(|| error.to_string())
            }
        }
    }

    /// The first line of a run finds what a crash has left of the last one.
    fn append(&self, key: &str, line: &Line<'_>, first: bool) -> io::Result<()> {
        let name = file_of(key);
        let file = self.folder.file(&name)?;
        if first {
            self.mend(&name, &file)?;
        }
        if file.metadata()?.len() == 0 {
            append(&self.folder.file(INDEX)?, &Indexed { key, file: &name })?;
            append(&file, &Head { transcript: 1, key })?;
        }
        append(&file, line)
    }

    fn mend(&self, name: &str, file: &File) -> io::Result<()> {
        if let Mended::Cut(bytes) = tail::mend(file)? {
            let path = self.folder.path_of(name);
            log::warn!("{}: the last line was torn: {bytes} bytes were cut off", path.display());
        }
        Ok(())
    }
}

/// One line, whole, in one write: whoever reads meanwhile sees all of it or nothing.
fn append(mut file: &File, line: &impl Serialize) -> io::Result<()> {
    let mut line = serde_json::to_vec(line)?;
    line.push(b'\n');
    file.write_all(&line).inspect_err(|_| {
        // The disk is full, say: what was written of the line goes, so that the next can follow.
        // If that fails too, the next run cuts it off.
        let _ = tail::mend(file);
    })
}

/// Whether this is how the record of a run that was done begins. Before `event` there is nothing
/// that a host chooses.
fn is_done(line: &[u8]) -> bool {
    let Some(rest) = line.strip_prefix(b"{\"run\":") else { return false };
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let Some(rest) = rest[digits..].strip_prefix(b",\"at\":\"") else { return false };
    let time = rest.iter().take_while(|byte| **byte != b'"').count();
    rest[time..].starts_with(b"\",\"event\":\"ended\",\"outcome\":\"done\"")
}
