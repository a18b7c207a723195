//! The rows: what is counted, one way each time.
//!
//! While a round is submitted its lane is paused, and one worker then goes through it, so that the two
//! threads never meet. The clock is hand-cranked: no slice ends sooner on a slow machine. Rows `port`
//! and `steer` have one thread, which also takes the runs.

use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use laneq::{
    Config, Engine, HandlerOptions, ManualClock, Message, Mode, Notice, Port, Reply, Run, Session,
    Verdict,
};

use super::Failure;

pub const ROWS: [&str; 7] = ["handle", "burst", "key", "receipt", "message", "port", "steer"];

/// Operations of a round, and the sessions that share them.
const ROUND: u64 = 2_048;
const SESSIONS: u64 = 16;
/// Where each session has eight of a round: a ticket for eight closures, as many sessions have it.
const BURSTS: u64 = ROUND / 8;

/// Whether each operation also does what it should not.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Planted {
    No,
    Yes,
}

impl Planted {
    /// What somebody might add without a thought: one more allocation, and a copy into it.
    #[inline]
    fn cost(self) {
        if self == Self::Yes {
            black_box(black_box([7_u8; 2048]).to_vec());
        }
    }
}

/// Whole rounds of a row, `n` operations in all.
pub fn run(name: &str, n: &str, planted: Planted) -> Result<(), Failure> {
    let rounds = n.parse::<u64>()? / ROUND;
    match name {
        "handle" => worker(SESSIONS, rounds, planted, by_handle),
        "burst" => worker(BURSTS, rounds, planted, by_handle),
        "key" => worker(SESSIONS, rounds, planted, |stage, number| {
            Ok(stage.engine.fire("main", stage.key(number), stage.body())?)
        }),
        "receipt" => worker(SESSIONS, rounds, planted, |stage, number| {
            drop(stage.handle(number).enqueue(stage.body())?);
            Ok(())
        }),
        "message" => worker(SESSIONS, rounds, planted, |stage, number| {
            drop(stage.engine.submit(stage.message(number))?);
            Ok(())
        }),
        "port" => port(rounds, planted),
        "steer" => steers(rounds, planted),
        _ => Err(format!("unknown row {name:?}: one of {}", ROWS.join(", ")).into()),
    }
}

fn by_handle(stage: &Stage, number: u64) -> Result<(), Failure> {
    Ok(stage.handle(number).fire(stage.body())?)
}

/// Counts what has run, and says when a round has.
#[derive(Default)]
struct Done {
    ran: AtomicU64,
    rounds: Mutex<u64>,
    changed: Condvar,
}

impl Done {
    fn one(&self) {
        if (self.ran.fetch_add(1, Ordering::Relaxed) + 1).is_multiple_of(ROUND) {
            *self.rounds.lock().unwrap_or_else(PoisonError::into_inner) += 1;
            self.changed.notify_one();
        }
    }

    fn wait(&self, rounds: u64) {
        let mut done = self.rounds.lock().unwrap_or_else(PoisonError::into_inner);
        while *done < rounds {
            done = self.changed.wait(done).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

struct Stage {
    engine: Engine,
    keys: Vec<String>,
    handles: Vec<Session>,
    done: Arc<Done>,
}

impl Stage {
    fn new(sessions: u64) -> Result<Self, Failure> {
        let config = Config::default().with_lane("main", 1).with_queue(|queue| {
            queue.cap = 1_000;
            queue.steer_rounds = 1_000;
        });
        let engine = Engine::builder(config).clock(ManualClock::new()).start()?;
        let keys: Vec<String> = (0..sessions).map(|key| format!("session-{key}")).collect();
        // Others than those of the keys: a row by key makes and forgets its sessions.
        let handle = |key: &String| engine.session(&format!("handle-{key}"));
        let handles = keys.iter().map(handle).collect::<Result<_, _>>()?;
        Ok(Self { engine, keys, handles, done: Arc::default() })
    }

    #[allow(clippy::cast_possible_truncation)]
    fn place(&self, number: u64) -> usize {
        number as usize % self.keys.len()
    }

    fn handle(&self, number: u64) -> &Session {
        &self.handles[self.place(number)]
    }

    fn key(&self, number: u64) -> &str {
        &self.keys[self.place(number)]
    }

    fn message(&self, number: u64) -> Message {
        Message::new(self.key(number), "what is the answer").with_mode(Mode::Followup)
    }

    /// What every closure does; it captures one pointer.
    fn body(&self) -> impl FnOnce(&Run) + Send + 'static {
        let done = Arc::clone(&self.done);
        move |_| done.one()
    }

    fn bind(&self) -> Result<Port, Failure> {
        let port = self.engine.port()?;
        port.bind_any(HandlerOptions::default())?;
        Ok(port)
    }
}

/// Submitted while the lane is paused, executed by its worker.
fn worker(
    sessions: u64,
    rounds: u64,
    planted: Planted,
    submit: impl Fn(&Stage, u64) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let stage = Stage::new(sessions)?;
    let done = Arc::clone(&stage.done);
    stage.engine.on_run("main", move |run| {
        black_box(run.batch().text());
        done.one();
        Ok(Reply::from("42"))
    })?;
    for round in 1..=rounds {
        stage.engine.pause("main")?;
        for number in 0..ROUND {
            planted.cost();
            submit(&stage, number)?;
        }
        stage.engine.resume("main")?;
        stage.done.wait(round);
    }
    Ok(())
}

fn next(port: &Port) -> Result<Option<Notice>, Failure> {
    Ok(port.next(Some(Duration::ZERO))?)
}

/// Messages that the submitting thread takes, completes, and sees settled; all sessions at once.
fn port(rounds: u64, planted: Planted) -> Result<(), Failure> {
    let stage = Stage::new(SESSIONS)?;
    let port = stage.bind()?;
    let mut receipts = Vec::new();
    for _ in 0..rounds * ROUND / SESSIONS {
        for number in 0..SESSIONS {
            planted.cost();
            receipts.push(stage.engine.submit(stage.message(number))?);
        }
        while let Some(notice) = next(&port)? {
            let Notice::Ready(run) = notice else { return Err("a notice of no run".into()) };
            black_box(run.batch().text());
            run.complete("42")?;
        }
        if receipts.drain(..).any(|receipt| receipt.settled().is_none()) {
            return Err("a message has no fate".into());
        }
    }
    Ok(())
}

/// Accepted, seen at a boundary, taken, committed. A run for each 512.
fn steers(rounds: u64, planted: Planted) -> Result<(), Failure> {
    const OF_A_RUN: u64 = 512;
    let stage = Stage::new(SESSIONS)?;
    let port = stage.bind()?;
    let say = |mode, text| -> Result<(), Failure> {
        drop(stage.engine.submit(Message::new("steered", text).with_mode(mode))?);
        Ok(())
    };
    for _ in 0..rounds * ROUND / OF_A_RUN {
        say(Mode::Followup, "go")?;
        let Some(Notice::Ready(run)) = next(&port)? else { return Err("no run".into()) };
        for _ in 0..OF_A_RUN {
            planted.cost();
            say(Mode::Steer, "rather this")?;
            if run.boundary() != Verdict::Steer {
                return Err("the steer is not seen".into());
            }
            run.take_steers().commit()?;
            // The port tells of it, too.
            black_box(next(&port)?);
        }
        run.complete("42")?;
    }
    Ok(())
}
