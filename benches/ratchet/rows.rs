//! The rows: what is counted, one thread, one way each time.
//!
//! A port stands in the place of workers, so that the thread that submits also executes, and the
//! clock is hand-cranked, so that no slice ends sooner on a slow machine. Row `worker` has a worker:
//! it is asleep while all is submitted, and then goes through it.

use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use laneq::{
    Config, Engine, HandlerOptions, ManualClock, Message, Mode, Notice, Port, Session, Verdict,
};

use super::Failure;

pub const ROWS: [&str; 6] = ["handle", "key", "receipt", "message", "steer", "worker"];

/// Sessions, and closures of each that wait at once.
const SESSIONS: u64 = 16;
const EACH: u64 = 4;

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

pub fn run(name: &str, n: &str, planted: Planted) -> Result<(), Failure> {
    let n = n.parse()?;
    match name {
        "handle" => closures(n, planted, |row, number| row.handle(number).fire(body(&row.ran))),
        "key" => closures(n, planted, |row, number| {
            row.engine.fire("main", row.key(number), body(&row.ran))
        }),
        "receipt" => closures(n, planted, |row, number| {
            drop(row.handle(number).enqueue(body(&row.ran))?);
            Ok(())
        }),
        "message" => messages(n, planted),
        "steer" => steers(n, planted),
        "worker" => worker(n, planted),
        _ => Err(format!("unknown row {name:?}: one of {}", ROWS.join(", ")).into()),
    }
}

/// What every closure does; it captures one pointer.
fn body(ran: &Arc<AtomicU64>) -> impl FnOnce(&laneq::Run) + Send + 'static {
    let ran = Arc::clone(ran);
    move |_| {
        ran.fetch_add(1, Ordering::Relaxed);
    }
}

struct Stage {
    engine: Engine,
    port: Port,
    keys: Vec<String>,
    handles: Vec<Session>,
    ran: Arc<AtomicU64>,
}

impl Stage {
    fn new() -> Result<Self, Failure> {
        let config = Config::default().with_queue(|queue| queue.steer_rounds = 1_000);
        let engine = Engine::builder(config).clock(ManualClock::new()).start()?;
        let port = engine.port()?;
        port.bind_any(HandlerOptions::default())?;
        let keys: Vec<String> = (0..SESSIONS).map(|key| format!("session-{key}")).collect();
        // Others than those of the keys: a row by key makes and forgets its sessions.
        let handle = |key: &String| engine.session(&format!("handle-{key}"));
        let handles = keys.iter().map(handle).collect::<Result<_, _>>()?;
        Ok(Self { engine, port, keys, handles, ran: Arc::default() })
    }

    #[allow(clippy::cast_possible_truncation)]
    fn place(number: u64) -> usize {
        (number % SESSIONS) as usize
    }

    fn handle(&self, number: u64) -> &Session {
        &self.handles[Self::place(number)]
    }

    fn key(&self, number: u64) -> &str {
        &self.keys[Self::place(number)]
    }

    fn next(&self) -> Result<Option<Notice>, Failure> {
        Ok(self.port.next(Some(Duration::ZERO))?)
    }

    /// Executes all closures that wait.
    fn execute(&self, until: u64) -> Result<(), Failure> {
        while self.ran.load(Ordering::Relaxed) < until {
            if self.next()?.is_some() {
                return Err("a notice, and no message was submitted".into());
            }
        }
        Ok(())
    }
}

fn closures(
    n: u64,
    planted: Planted,
    submit: impl Fn(&Stage, u64) -> Result<(), laneq::Refused<()>>,
) -> Result<(), Failure> {
    let stage = Stage::new()?;
    for number in 0..n {
        planted.cost();
        submit(&stage, number)?;
        if (number + 1) % (SESSIONS * EACH) == 0 {
            stage.execute(number + 1)?;
        }
    }
    stage.execute(n)
}

/// Submit, run, reply, fate; the receipt is looked at.
fn messages(n: u64, planted: Planted) -> Result<(), Failure> {
    let stage = Stage::new()?;
    let mut receipts = Vec::new();
    for number in 0..n {
        planted.cost();
        let message =
            Message::new(stage.key(number), "what is the answer").with_mode(Mode::Followup);
        receipts.push(stage.engine.submit(message)?);
        if (number + 1) % (SESSIONS * EACH) > 0 {
            continue;
        }
        while let Some(notice) = stage.next()? {
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
fn steers(n: u64, planted: Planted) -> Result<(), Failure> {
    const OF_A_RUN: u64 = 512;
    let stage = Stage::new()?;
    let say = |mode, text| -> Result<(), Failure> {
        drop(stage.engine.submit(Message::new("steered", text).with_mode(mode))?);
        Ok(())
    };
    for _ in 0..n / OF_A_RUN {
        say(Mode::Followup, "go")?;
        let Some(Notice::Ready(run)) = stage.next()? else { return Err("no run".into()) };
        for _ in 0..OF_A_RUN {
            planted.cost();
            say(Mode::Steer, "rather this")?;
            if run.boundary() != Verdict::Steer {
                return Err("the steer is not seen".into());
            }
            run.take_steers().commit()?;
            // The port tells of it, too.
            black_box(stage.next()?);
        }
        run.complete("42")?;
    }
    Ok(())
}

/// The last closure says so.
#[derive(Default)]
struct Done {
    is: Mutex<bool>,
    changed: Condvar,
}

/// By handle, 4,096 at a time; then a worker's slices.
fn worker(n: u64, planted: Planted) -> Result<(), Failure> {
    const AT_ONCE: u64 = 4_096;
    let config = Config::default().with_lane("main", 1);
    let engine = Engine::builder(config).clock(ManualClock::new()).start()?;
    let handles: Vec<Session> = (0..SESSIONS)
        .map(|key| engine.session(&format!("session-{key}")))
        .collect::<Result<_, _>>()?;
    let ran = Arc::new(AtomicU64::new(0));
    for round in 0..n / AT_ONCE {
        let done = Arc::new(Done::default());
        engine.pause("main")?;
        for number in 0..AT_ONCE {
            planted.cost();
            handles[Stage::place(number)].fire(body(&ran))?;
        }
        let told = Arc::clone(&done);
        // It is the last of its session, and all others of the lane have had their turns.
        engine.fire("main", "the last", move |_| {
            *told.is.lock().unwrap_or_else(PoisonError::into_inner) = true;
            told.changed.notify_one();
        })?;
        engine.resume("main")?;
        let mut is = done.is.lock().unwrap_or_else(PoisonError::into_inner);
        while !*is {
            is = done.changed.wait(is).unwrap_or_else(PoisonError::into_inner);
        }
        drop(is);
        while ran.load(Ordering::Acquire) < (round + 1) * AT_ONCE {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
    Ok(())
}
