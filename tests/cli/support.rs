//! Starts the program, speaks to it, and reads its lines.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::Value;

/// A broken program fails a test after this long instead of hanging it.
pub const LONG: Duration = Duration::from_secs(60);

/// The jsonl agent of three tool calls.
pub fn three_calls() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cli/agents/three_calls.sh");
    format!("sh {}", path.display())
}

/// A folder of the test's own.
pub fn folder() -> PathBuf {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let name = format!("cli-{}-{number}", std::process::id());
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(&path);
    fs::create_dir_all(&path).expect("a folder");
    path
}

/// A file with this text.
pub fn file(name: &str, text: &str) -> PathBuf {
    let path = folder().join(name);
    fs::write(&path, text).expect("a file");
    path
}

/// A named pipe.
pub fn fifo(name: &str) -> PathBuf {
    let path = folder().join(name);
    let made = Command::new("mkfifo").arg(&path).status().expect("mkfifo runs");
    assert!(made.success());
    path
}

/// Writes to a named pipe; blocks until somebody reads it.
pub fn write_to(fifo: &Path, text: &str) {
    fs::write(fifo, text).expect("somebody reads the pipe");
}

pub fn laneq() -> Command {
    Command::new(env!("CARGO_BIN_EXE_laneq"))
}

/// What a program that has ended left behind.
#[derive(Debug)]
pub struct Output {
    pub lines: Vec<Value>,
    pub stderr: String,
    pub code: Option<i32>,
}

/// A program that is running.
pub struct Program {
    child: Child,
    pub stdin: Option<ChildStdin>,
    incoming: Receiver<Value>,
    seen: Vec<Value>,
    stderr: Option<JoinHandle<String>>,
}

impl Program {
    /// `laneq run` with these arguments, reading from a pipe.
    pub fn start(args: &[&str]) -> Self {
        Self::start_with(args, |command| command)
    }

    pub fn start_with(args: &[&str], change: impl FnOnce(&mut Command) -> &mut Command) -> Self {
        let mut command = laneq();
        command.arg("run").args(args);
        change(&mut command);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the program starts");
        let stdout = child.stdout.take().expect("a pipe");
        let mut stderr = child.stderr.take().expect("a pipe");
        let (to, incoming) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                let value = serde_json::from_str(&line).unwrap_or_else(|e| panic!("{e}: {line}"));
                if to.send(value).is_err() {
                    return;
                }
            }
        });
        let stderr = std::thread::spawn(move || {
            let mut text = String::new();
            let _ = stderr.read_to_string(&mut text);
            text
        });
        let stdin = child.stdin.take();
        Self { child, stdin, incoming, seen: Vec::new(), stderr: Some(stderr) }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Writes one input line.
    pub fn line(&mut self, line: &str) {
        let stdin = self.stdin.as_mut().expect("the input is open");
        writeln!(stdin, "{line}").expect("the program reads");
        stdin.flush().expect("the program reads");
    }

    /// Blocks until a line like this comes.
    pub fn wait_for(&mut self, what: &str, like: impl Fn(&Value) -> bool) -> Value {
        loop {
            let line = self.incoming.recv_timeout(LONG);
            let line = line.unwrap_or_else(|e| panic!("waiting for {what}: {e}; {:#?}", self.seen));
            self.seen.push(line.clone());
            if like(&line) {
                return line;
            }
        }
    }

    /// Blocks until an event of this name comes.
    pub fn event(&mut self, name: &str) -> Value {
        self.wait_for(name, |line| line["event"] == name)
    }

    /// Lets the agents of runs `first` to `last` (counted from 1) go, one after the other, by a
    /// line each: a pipe that two of them read at once would lose one.
    pub fn let_go(&mut self, gate: &Path, first: usize, last: usize) {
        for number in first..=last {
            let started = |line: &&Value| line["event"] == "run.started";
            while self.seen.iter().filter(started).count() < number {
                self.wait_for("the next run", |line| line["event"] == "run.started");
            }
            write_to(gate, "go\n");
        }
    }

    /// Sends a signal to the program.
    pub fn signal(&self, name: &str) {
        let pid = self.pid().to_string();
        let sent = Command::new("kill").args([&format!("-{name}"), &pid]).status();
        assert!(sent.expect("kill runs").success());
    }

    /// Ends the input and waits for the program.
    pub fn finish(mut self) -> Output {
        drop(self.stdin.take());
        self.wait()
    }

    /// Waits for the program to end by itself.
    pub fn wait(mut self) -> Output {
        while let Ok(line) = self.incoming.recv_timeout(LONG) {
            self.seen.push(line);
        }
        let status = self.child.wait().expect("it can be waited for");
        let stderr = self.stderr.take().expect("taken once").join().expect("text");
        Output { lines: self.seen, stderr, code: status.code() }
    }
}

/// Runs to the end over this input.
pub fn run(args: &[&str], input: &str) -> Output {
    let mut program = Program::start(args);
    let mut stdin = program.stdin.take().expect("a pipe");
    let input = input.to_owned();
    let writer = std::thread::spawn(move || {
        // A program that refuses its arguments does not read.
        let _ = stdin.write_all(input.as_bytes());
    });
    let output = program.wait();
    writer.join().expect("no panic");
    output
}

impl Output {
    pub fn events(&self, name: &str) -> Vec<&Value> {
        self.lines.iter().filter(|line| line["event"] == name).collect()
    }

    /// The texts of the replies, in order.
    pub fn replies(&self) -> Vec<&str> {
        self.events("reply").iter().filter_map(|line| line["text"].as_str()).collect()
    }

    /// The fate of a message.
    pub fn fate(&self, id: &str) -> &str {
        let fates = self.events("message.fate");
        let mine: Vec<_> = fates.iter().filter(|line| line["id"] == id).collect();
        assert_eq!(mine.len(), 1, "P4: one fate of {id}: {mine:?}");
        mine[0]["fate"].as_str().expect("a word")
    }
}
