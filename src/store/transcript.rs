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
        // A clock before 1970 has no text.
        let at = humantime::format_rfc3339_millis(at.max(SystemTime::UNIX_EPOCH)).to_string();
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};

    fn ended(outcome: &'static str) -> Told<'static> {
        let error = Some("\",\"event\":\"ended\",\"outcome\":\"done\"\n");
        Told::Ended { outcome, cause: None, error, run_ms: 1.5, retry: false }
    }

    fn write(all: &Transcripts, key: &str, told: &Told<'_>) -> Option<String> {
        let run = RunId::new((1 << 53) - 1);
        all.write(key, run, SystemTime::UNIX_EPOCH, told)
    }

    fn started() -> Told<'static> {
        let (messages, summary) = (Vec::new(), Vec::new());
        Told::Started { lane: "main", attempt: 1, messages, summary, summary_of: 0 }
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).expect("it is there").permissions().mode() & 0o7777
    }

    fn lines(path: &Path) -> Vec<serde_json::Value> {
        let text = fs::read_to_string(path).expect("a file");
        text.lines().map(|line| serde_json::from_str(line).expect("whole")).collect()
    }

    #[test]
    fn a_session_is_new_until_a_record_says_that_a_run_was_done() {
        let dir = tempfile::tempdir().expect("a folder");
        let all = Transcripts::open(dir.path()).expect("it opens");
        assert!(all.is_new("k") && all.find("k").is_none());
        for told in [started(), ended("failed"), Told::Said { text: "\"outcome\":\"done\"" }] {
            assert_eq!(write(&all, "k", &told), None);
            assert!(all.is_new("k"));
        }
        assert_eq!(write(&all, "k", &ended("done")), None);
        assert_eq!(write(&all, "k", &ended("stopped")), None);
        assert!(!all.is_new("k") && all.is_new("l"));
        assert_eq!(all.find("k"), Some(all.path("k")));
        assert!(all.path("k").is_absolute());
        assert!(!Transcripts::open(dir.path()).expect("again").is_new("k"));
    }

    #[test]
    fn what_a_crash_has_torn_is_cut_off_before_the_next_run_and_the_rest_stays() {
        let dir = tempfile::tempdir().expect("a folder");
        let all = Transcripts::open(dir.path()).expect("it opens");
        assert_eq!(write(&all, "k", &started()), None);
        let whole = fs::read(all.path("k")).expect("a file");
        for cut in 0..=whole.len() {
            fs::write(all.path("k"), &whole[..cut]).expect("written");
            assert_eq!(write(&all, "k", &started()), None);
            let lines = lines(&all.path("k"));
            assert_eq!((&lines[0]["transcript"], &lines[0]["key"]), (&1.into(), &"k".into()));
            let whole_records = whole[..cut].split(|b| *b == b'\n').count().max(2) - 2;
            assert_eq!(lines.len(), 1 + whole_records + 1, "cut at {cut}");
        }
        let mut index = fs::read(dir.path().join(INDEX)).expect("a file");
        index.extend(b"{\"key\":\"torn");
        fs::write(dir.path().join(INDEX), index).expect("written");
        let all = Transcripts::open(dir.path()).expect("it opens");
        assert_eq!(write(&all, "index", &started()), None);
        let index = lines(&dir.path().join(INDEX));
        let last = index.last().expect("a line");
        assert_eq!((&last["key"], &last["file"]), (&"index".into(), &"%69ndex.jsonl".into()));
    }

    #[test]
    fn a_symlink_or_anything_else_in_place_of_a_file_is_refused_and_said_once() {
        let dir = tempfile::tempdir().expect("a folder");
        let all = Transcripts::open(dir.path()).expect("it opens");
        let elsewhere = dir.path().join("elsewhere");
        for dangling in [true, false] {
            symlink(&elsewhere, all.path("k")).expect("a link");
            let said = write(&all, "k", &started()).expect("refused");
            assert!(said.ends_with("k.jsonl: a symbolic link is in its place"), "{said}");
            assert_eq!(write(&all, "k", &ended("done")), None, "said once");
            assert_eq!(elsewhere.exists(), !dangling, "and nothing was made behind the link");
            assert!(all.find("k").is_none());
            fs::remove_file(all.path("k")).expect("removed");
            assert_eq!(write(&all, "k", &started()), None, "the streak is over");
            fs::remove_file(all.path("k")).expect("removed");
            fs::write(&elsewhere, "theirs\n").expect("written");
        }
        assert_eq!(fs::read_to_string(&elsewhere).expect("a file"), "theirs\n");
        fs::create_dir(all.path("k")).expect("a folder");
        assert!(write(&all, "k", &started()).is_some());
        let made = std::process::Command::new("mkfifo").arg(all.path("l")).status();
        assert!(made.expect("mkfifo runs").success());
        assert_eq!(write(&all, "l", &started()), None, "said once for all sessions");
        assert_eq!(write(&all, "m", &started()), None);
        let said = write(&all, "l", &started()).expect("refused");
        assert!(said.contains("something else than a file"), "{said}");
    }

    #[test]
    fn a_symlink_or_a_file_in_place_of_the_folder_is_refused() {
        let dir = tempfile::tempdir().expect("a folder");
        let (real, link) = (dir.path().join("real"), dir.path().join("link"));
        symlink(&real, &link).expect("a link");
        assert!(Transcripts::open(&link).is_err() && !real.exists());
        fs::create_dir(&real).expect("a folder");
        let error = Transcripts::open(&link).err().expect("refused").to_string();
        assert!(
            error.contains("link\": a symbolic link or a file: it must be a folder"),
            "{error}"
        );
        fs::write(dir.path().join("file"), "").expect("a file");
        assert!(Transcripts::open(&dir.path().join("file")).is_err());
    }

    #[test]
    fn folder_and_files_are_their_owners_alone_whatever_the_umask() {
        let dir = tempfile::tempdir().expect("a folder");
        let before = rustix::process::umask(rustix::fs::Mode::empty());
        let path = dir.path().join("a").join("b");
        let all = Transcripts::open(&path).expect("it opens");
        let said = write(&all, "k", &started());
        rustix::process::umask(before);
        assert_eq!(said, None);
        assert_eq!((mode(&path), mode(&all.path("k"))), (0o700, 0o600));
        assert_eq!(mode(&path.join(INDEX)), 0o600);
    }
}
