//! One agent process: its group, its pipes, and what is heard of it.

use std::collections::VecDeque;
use std::io::{self, BufReader, Read, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Select, Sender, bounded, unbounded};
use laneq::{Run, Signal};
use rustix::process::{Pid, WaitId, WaitIdOptions, kill_process_group, waitid};

use super::{Agent, Past, folder};
use crate::cli::app::App;
use crate::cli::lines::{self, Next};

/// Answers that may wait for an agent that does not read; beyond it is not listened to. P9.
const UNREAD: usize = 64;
/// How long the rest of an output may take after its process has ended: somebody who left the
/// process group may hold the pipe for ever.
const REST: Duration = Duration::from_secs(1);

/// How standard output is cut.
#[derive(Clone, Copy, Debug)]
pub enum Cut {
    /// As it comes.
    Bytes,
    /// Into lines of at most this many bytes.
    Lines(usize),
}

/// What is heard of a process.
#[derive(Debug)]
pub enum Heard {
    /// Bytes or a line.
    Output(Vec<u8>),
    /// A line over the bound, which was skipped.
    TooLong,
    /// Nothing more will come out.
    Silent,
    /// The process has ended; its group may live on.
    Exited,
    /// The run is signalled.
    Signal(Signal),
    /// The time is over.
    Time,
}

pub struct Process {
    child: Child,
    group: Pid,
    output: Receiver<Heard>,
    events: Receiver<Heard>,
    /// To the thread that writes standard input; none after its end was asked for.
    input: Option<Sender<Vec<u8>>>,
    unread: VecDeque<Vec<u8>>,
    /// Ends when the last line of its standard error has been forwarded.
    errors: Receiver<()>,
    /// Its standard output has ended, perhaps long before itself.
    silent: bool,
    app: Arc<App>,
    agent_grace: Duration,
    /// When the next, harder signal is due.
    pub harder: Option<Instant>,
    signalled: u8,
}

impl Process {
    /// Starts the process and its threads: its pipes never block the worker.
    pub fn start(agent: &Agent, app: &Arc<App>, run: &Run, cut: Cut) -> io::Result<Self> {
        let past = Past::of(run);
        let words = agent.command(run, past.as_ref());
        let mut command = Command::new(&words[0]);
        if let Some(folders) = &agent.folders {
            command.current_dir(folder::of(folders, run.key())?);
        }
        let mut child = command
            .args(&words[1..])
            .env_clear()
            .envs(agent.environment(run, past))
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(agent.stderr.stdio()?)
            .spawn()
            .map_err(|e| {
                io::Error::new(e.kind(), format!("{:?} cannot be started: {e}", words[0]))
            })?;
        let group = Pid::from_child(&child);
        app.reaper.began(group);
        let (output_tx, output) = bounded(16);
        let (events_tx, events) = unbounded();
        let (input, input_rx) = bounded(1);
        let (errors_tx, errors) = bounded(1);
        let signals = events_tx.clone();
        run.on_signal(move |signal| {
            // The run may be over before the signal: nobody is to hear it then.
            let _ = signals.send(Heard::Signal(signal));
        });
        let stdin = child.stdin.take();
        let stdout = child.stdout.take();
        let stderr = child.stderr.take();
        let mut process = Self {
            child,
            group,
            output,
            events,
            input: Some(input),
            unread: VecDeque::new(),
            errors,
            silent: false,
            app: Arc::clone(app),
            agent_grace: agent.grace,
            harder: None,
            signalled: 0,
        };
        let console = Arc::clone(&app.feed);
        let (key, id) = (run.key().to_owned(), run.id());
        let started = spawn("laneq-agent-exit", move || wait_exit(group, &events_tx))
            .and_then(|()| spawn("laneq-agent-in", move || write_all(stdin, &input_rx)))
            .and_then(|()| spawn("laneq-agent-out", move || read_all(stdout, cut, &output_tx)))
            .and_then(|()| match stderr {
                None => Ok(()),
                Some(pipe) => spawn("laneq-agent-err", move || {
                    super::forward(&console.console, pipe, &key, id);
                    drop(errors_tx);
                }),
            });
        match started {
            Ok(()) => Ok(process),
            Err(error) => {
                // Its threads could not be had: the first error is the one to tell.
                let _ = process.end();
                Err(error)
            }
        }
    }

    /// Queues bytes for its standard input, unless nobody reads there any more. Never blocks.
    pub fn write(&mut self, bytes: impl Into<Vec<u8>>) {
        if self.input.is_some() {
            self.unread.push_back(bytes.into());
        }
    }

    /// Its standard input ends after what is queued.
    pub fn close_input(&mut self) {
        self.write(Vec::new());
    }

    /// Blocks for the next thing that happens; hands queued input over meanwhile. `until` and a
    /// signal that is due bound the wait.
    pub fn next(&mut self, until: Option<Instant>) -> Heard {
        loop {
            let until = [until, self.harder].into_iter().flatten().min();
            if until.is_some_and(|at| at <= Instant::now()) {
                return Heard::Time;
            }
            if let Some(heard) = self.select(until) {
                return heard;
            }
        }
    }

    /// One thing that happened; none if input was handed over.
    fn select(&mut self, until: Option<Instant>) -> Option<Heard> {
        let mut select = Select::new();
        let events = select.recv(&self.events);
        let heard = !self.silent && self.unread.len() < UNREAD;
        let output = heard.then(|| select.recv(&self.output));
        let input = self.input.as_ref().filter(|_| !self.unread.is_empty());
        let sending = input.map(|input| select.send(input));
        let ready = match until {
            Some(at) => match select.select_deadline(at) {
                Ok(ready) => ready,
                Err(_) => return Some(Heard::Time),
            },
            None => select.select(),
        };
        match ready.index() {
            at if at == events => Some(ready.recv(&self.events).unwrap_or(Heard::Exited)),
            at if Some(at) == output => {
                let heard = ready.recv(&self.output).unwrap_or(Heard::Silent);
                // A channel that has ended is ready for ever.
                self.silent = matches!(heard, Heard::Silent);
                Some(heard)
            }
            at if Some(at) == sending => {
                let bytes = self.unread.pop_front().unwrap_or_default();
                let ends = bytes.is_empty();
                let sent = input.map(|input| ready.send(input, bytes));
                // The writing thread has gone with a reader that has gone.
                if ends || sent.is_some_and(|sent| sent.is_err()) {
                    self.input = None;
                    self.unread.clear();
                }
                None
            }
            _ => None,
        }
    }

    /// Asks it to end, and after the grace makes it: SIGTERM first, SIGKILL when called again.
    pub fn press(&mut self) {
        let hurried = self.app.feed.writer.is_hurried();
        if self.signalled == 0 && !hurried {
            self.signal(rustix::process::Signal::TERM);
            self.harder = Some(Instant::now() + self.agent_grace);
        } else {
            self.signal(rustix::process::Signal::KILL);
            self.harder = None;
        }
        self.signalled = self.signalled.saturating_add(1);
    }

    /// Whether it was told to end by a signal.
    pub fn was_signalled(&self) -> bool {
        self.signalled > 0
    }

    /// The process is not reaped before `end`, so that its number is still its own.
    fn signal(&self, signal: rustix::process::Signal) {
        // Gone already, perhaps.
        let _ = kill_process_group(self.group, signal);
    }

    /// Ends what is left of the group, and reaps the process. What it wrote to its standard error
    /// has been forwarded then.
    pub fn end(&mut self) -> io::Result<ExitStatus> {
        self.signal(rustix::process::Signal::KILL);
        self.app.reaper.ended(self.group);
        let status = self.child.wait();
        // Nothing is ever sent: it ends, or takes too long.
        let _ = self.errors.recv_timeout(REST);
        status
    }

    /// The rest of the output, after the end.
    pub fn rest(&mut self, mut take: impl FnMut(Heard)) {
        let until = Instant::now() + REST;
        while let Ok(heard) = self.output.recv_deadline(until) {
            if matches!(heard, Heard::Silent) {
                return;
            }
            take(heard);
        }
    }
}

fn spawn(name: &str, body: impl FnOnce() + Send + 'static) -> io::Result<()> {
    thread::Builder::new().name(name.to_owned()).spawn(body).map(drop)
}

/// Tells of the exit without reaping: the number stays taken until everybody has let go of it.
fn wait_exit(pid: Pid, to: &Sender<Heard>) {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
    while let Err(rustix::io::Errno::INTR) = waitid(WaitId::Pid(pid), options) {}
    // The run may be over already.
    let _ = to.send(Heard::Exited);
}

/// Writes what comes, until the empty piece, the end of the process, or an agent that is gone.
fn write_all(pipe: Option<ChildStdin>, from: &Receiver<Vec<u8>>) {
    let Some(mut pipe) = pipe else { return };
    while let Ok(bytes) = from.recv() {
        // An agent need not read its input.
        if bytes.is_empty() || pipe.write_all(&bytes).is_err() {
            return;
        }
    }
}

fn read_all(pipe: Option<impl Read>, cut: Cut, to: &Sender<Heard>) {
    let Some(pipe) = pipe else { return };
    match cut {
        Cut::Bytes => read_bytes(pipe, to),
        Cut::Lines(most) => read_lines(pipe, most, to),
    }
    // The run may be over already.
    let _ = to.send(Heard::Silent);
}

fn read_bytes(mut pipe: impl Read, to: &Sender<Heard>) {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        match pipe.read(&mut buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Ok(0) | Err(_) => return,
            Ok(n) => {
                if to.send(Heard::Output(buffer[..n].to_vec())).is_err() {
                    return;
                }
            }
        }
    }
}

fn read_lines(pipe: impl Read, most: usize, to: &Sender<Heard>) {
    let mut pipe = BufReader::new(pipe);
    let mut line = Vec::new();
    loop {
        let heard = match lines::next(&mut pipe, &mut line, most) {
            Ok(Next::Line) => Heard::Output(std::mem::take(&mut line)),
            Ok(Next::TooLong) => Heard::TooLong,
            Ok(Next::End) | Err(_) => return,
        };
        if to.send(heard).is_err() {
            return;
        }
    }
}
