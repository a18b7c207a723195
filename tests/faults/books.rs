//! What a checker outside the process knows of it, and whether that can be true.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ExitStatus};
use std::sync::mpsc::{Receiver, channel};

use super::child::{ATTEMPTS, CANARY, LONG};

/// One message, by its id.
#[derive(Debug, Default)]
struct Entry {
    key: String,
    acknowledged: bool,
    refused: bool,
    /// Its start could not be written, and the host was told: it comes back with the next process,
    /// behind what ran meanwhile.
    returned: bool,
    /// The attempts that were seen, as they came.
    ran: Vec<u32>,
}

/// Every line of every child so far.
#[derive(Debug, Default)]
pub struct Books {
    entries: HashMap<String, Entry>,
    /// The key and id of each first run, in order.
    firsts: Vec<(String, String)>,
    pub acknowledged: usize,
    poisoned: bool,
    /// What was said besides, by the last child.
    pub said: Vec<String>,
}

/// A child that is being listened to.
pub struct Heard {
    pub child: Child,
    lines: Receiver<String>,
    errors: std::thread::JoinHandle<String>,
    early: Vec<String>,
}

impl Heard {
    pub fn to(mut command: std::process::Command) -> Self {
        let mut child = command.spawn().expect("it starts");
        let out = BufReader::new(child.stdout.take().expect("a pipe"));
        let mut err = child.stderr.take().expect("a pipe");
        let (tell, lines) = channel();
        std::thread::spawn(move || {
            out.lines().map_while(Result::ok).try_for_each(|line| tell.send(line).map_err(drop))
        });
        let errors = std::thread::spawn(move || {
            let mut text = Vec::new();
            let _ = err.read_to_end(&mut text);
            String::from_utf8_lossy(&text).into_owned()
        });
        Self { child, lines, errors, early: Vec::new() }
    }

    /// Blocks until a line begins like this, or the child says no more.
    pub fn until(&mut self, word: &str) {
        while let Ok(line) = self.lines.recv_timeout(LONG) {
            let found = line.starts_with(word);
            self.early.push(line);
            if found {
                return;
            }
        }
    }

    /// Every line, once the child is gone; and what it wrote to its standard error.
    pub fn end(mut self) -> (Vec<String>, String, ExitStatus) {
        let mut lines = self.early;
        while let Ok(line) = self.lines.recv_timeout(LONG) {
            lines.push(line);
        }
        let status = self.child.wait().expect("it is gone");
        (lines, self.errors.join().expect("no panic"), status)
    }
}

impl Books {
    /// Enters the life of one child.
    pub fn enter(&mut self, heard: Heard) -> Result<ExitStatus, String> {
        let (lines, errors, status) = heard.end();
        if errors.contains(CANARY) {
            return Err(format!("a text was logged: {errors}"));
        }
        self.said.clear();
        for line in lines {
            self.line(&line)?;
        }
        self.said.push(errors);
        Ok(status)
    }

    fn line(&mut self, line: &str) -> Result<(), String> {
        let words: Vec<_> = line.split(' ').collect();
        match &*words {
            ["try", id, key] => {
                let entry = Entry { key: (*key).to_owned(), ..Entry::default() };
                self.entries.insert((*id).to_owned(), entry);
            }
            ["ack", id] => {
                self.acknowledged += 1;
                self.known(id)?.acknowledged = true;
            }
            ["returned", id] => self.known(id)?.returned = true,
            ["busy", id] => self.known(id)?.refused = true,
            ["refused", id, ..] => {
                // P11: of what waited for the sync that failed, nobody knows; of what came after
                // it, everybody.
                let unknown = line.contains("could not be synced") && !self.poisoned;
                self.poisoned |= unknown;
                self.known(id)?.refused = !unknown;
                self.said.push(line.to_owned());
            }
            ["ran", id, attempt, key] => {
                let attempt: u32 = attempt.parse().map_err(|_| format!("what is {line:?}"))?;
                self.ran(id, attempt, key)?;
            }
            _ => self.said.push(line.to_owned()),
        }
        Ok(())
    }

    fn known(&mut self, id: &str) -> Result<&mut Entry, String> {
        self.entries.get_mut(id).ok_or_else(|| format!("{id} was never submitted"))
    }

    fn ran(&mut self, id: &str, attempt: u32, key: &str) -> Result<(), String> {
        let entry = self.known(id)?;
        if entry.key != key {
            return Err(format!("{id} of {} ran under {key}", entry.key));
        }
        if attempt > ATTEMPTS || entry.ran.last().is_some_and(|last| *last >= attempt) {
            return Err(format!("{id} ran with attempt {attempt} after {:?}", entry.ran));
        }
        let first = entry.ran.is_empty();
        entry.ran.push(attempt);
        if first {
            self.firsts.push((key.to_owned(), id.to_owned()));
        }
        Ok(())
    }

    /// Whether everything that was acknowledged ran, what was refused did not, and each key's
    /// order of first runs is the order in which its submitters submitted.
    pub fn check(&self) -> Result<(), String> {
        for (id, entry) in &self.entries {
            if entry.acknowledged && entry.ran.is_empty() {
                return Err(format!("{id} was acknowledged and never ran"));
            }
            if entry.refused && !entry.ran.is_empty() {
                return Err(format!("{id} was refused and ran"));
            }
        }
        let mut last: HashMap<(&str, u32), u32> = HashMap::new();
        let mut runs: HashMap<&str, u32> = HashMap::new();
        for (key, id) in &self.firsts {
            if self.entries.get(id).is_some_and(|entry| entry.returned) {
                continue;
            }
            let [run, thread, n] = parts(id)?;
            let before = runs.insert(key, run).unwrap_or(0);
            if before > run {
                return Err(format!("{id} ran after a message of process {before}"));
            }
            if before < run {
                last.retain(|(other, _), _| other != key);
            }
            if last.insert((key, thread), n).is_some_and(|before| before > n) {
                return Err(format!("{id} ran after a later one of its thread"));
            }
        }
        Ok(())
    }

    pub fn duplicates(&self) -> usize {
        self.entries.values().filter(|entry| entry.ran.len() > 1).count()
    }

    /// What the last child said that begins like this.
    pub fn of(&self, word: &str) -> Vec<&str> {
        self.said.iter().map(|line| &**line).filter(|line| line.starts_with(word)).collect()
    }
}

fn parts(id: &str) -> Result<[u32; 3], String> {
    let parts: Vec<_> = id.split('.').filter_map(|part| part.parse().ok()).collect();
    parts.try_into().map_err(|_| format!("{id:?} is no id of ours"))
}

#[test]
fn the_checker_finds_what_is_lost_doubled_and_out_of_order() {
    let told = |lines: &[&str]| {
        let mut books = Books::default();
        lines.iter().try_for_each(|line| books.line(line)).and_then(|()| books.check())
    };
    let begin = ["try 0.0.0 k", "ack 0.0.0", "try 0.0.1 k", "ack 0.0.1"];
    let with = |rest: &[&'static str]| told(&[&begin, rest].concat());
    assert_eq!(with(&["ran 0.0.0 1 k", "ran 0.0.0 2 k", "ran 0.0.1 1 k"]), Ok(()));
    assert!(with(&["ran 0.0.0 1 k"]).is_err(), "lost");
    assert!(with(&["ran 0.0.1 1 k", "ran 0.0.0 1 k"]).is_err(), "out of order");
    assert!(with(&["ran 0.0.0 1 k", "ran 0.0.0 1 k", "ran 0.0.1 1 k"]).is_err(), "not counted");
    assert!(with(&["ran 7.0.0 1 k"]).is_err(), "of nobody");
    assert!(told(&["try 0.0.0 k", "refused 0.0.0 journal", "ran 0.0.0 1 k"]).is_err(), "refused");
    let two = ["try 0.0.0 k", "try 1.0.0 k", "ran 1.0.0 1 k", "ran 0.0.0 1 k"];
    assert!(told(&two).is_err(), "after a new one");
}
