//! Ends the agents of a program that died: a helper process that hears of every agent, and kills
//! the process groups that are left when its standard input ends.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, BufRead, Write};
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::process::{Pid, Signal, kill_process_group};

/// Knows every living group, and tells the helper of them if there is one.
#[derive(Debug, Default)]
pub struct Reaper(Mutex<Living>);

#[derive(Debug, Default)]
struct Living {
    groups: HashSet<Pid>,
    pipe: Option<File>,
}

impl Reaper {
    /// Starts the helper, in a process group of its own: what a terminal signals does not reach it.
    /// Nothing happens if there is one.
    pub fn start(&self) -> io::Result<()> {
        let mut living = self.lock();
        if living.pipe.is_some() {
            return Ok(());
        }
        let mut child = Command::new(std::env::current_exe()?)
            .arg("__reaper")
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        // It ends by itself when the pipe does, which is when this process has ended.
        living.pipe = child.stdin.take().map(|pipe| File::from(OwnedFd::from(pipe)));
        Ok(())
    }

    pub fn began(&self, group: Pid) {
        let mut living = self.lock();
        living.groups.insert(group);
        living.tell('+', group);
    }

    /// Must be told before the process is reaped: its number may be another's afterwards.
    pub fn ended(&self, group: Pid) {
        let mut living = self.lock();
        living.groups.remove(&group);
        living.tell('-', group);
    }

    /// Kills every living group, at once.
    pub fn kill_all(&self) {
        for group in &self.lock().groups {
            // Gone already, perhaps.
            let _ = kill_process_group(*group, Signal::KILL);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Living> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Living {
    fn tell(&mut self, sign: char, group: Pid) {
        if let Some(pipe) = &mut self.pipe {
            let line = format!("{sign}{}\n", group.as_raw_nonzero());
            // A helper that has died cannot help; the agents are still ended by this process.
            let _ = pipe.write_all(line.as_bytes());
        }
    }
}

/// The helper itself.
pub fn main() -> ExitCode {
    for group in left_over(io::stdin().lock()) {
        // Gone already, perhaps.
        let _ = kill_process_group(group, Signal::KILL);
    }
    ExitCode::SUCCESS
}

/// Reads to the end; answers the groups that began and did not end.
fn left_over(from: impl BufRead) -> HashSet<Pid> {
    let mut groups = HashSet::new();
    for line in from.lines().map_while(Result::ok) {
        let number = line.get(1..).and_then(|number| number.parse().ok());
        let Some(group) = number.and_then(Pid::from_raw) else { continue };
        if line.starts_with('+') {
            groups.insert(group);
        } else {
            groups.remove(&group);
        }
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_groups_that_began_and_did_not_end_are_left() {
        let left = left_over("+10\n+11\n-10\nnonsense\n+\n".as_bytes());
        assert_eq!(left.into_iter().map(|p| p.as_raw_nonzero().get()).collect::<Vec<_>>(), [11]);
    }
}
