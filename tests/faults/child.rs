//! The program that is killed: a journaled engine under load that says what it does.

use std::fs::File;
use std::io::Write;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use laneq::{Config, Engine, Fate, JournalKnobs, Message, Mode, Observer, Record, Reply};

/// In every text, and nowhere but in the journal and the handler.
pub const CANARY: &str = "canary-6c1f0b";
pub const LONG: Duration = Duration::from_secs(120);
pub const ATTEMPTS: u32 = 20;

/// What a child is to do; in its environment.
#[derive(Clone, Debug)]
pub struct Orders {
    pub journal: PathBuf,
    pub sync: laneq::Sync,
    /// The first part of every id.
    pub run: u32,
    pub threads: u32,
    /// Messages of each thread.
    pub count: u32,
    /// Bytes of each text.
    pub bytes: usize,
    pub max_bytes: u64,
    /// Runs wait until a message was refused and this file has been removed; then one more
    /// message of each thread must be accepted.
    pub ballast: Option<PathBuf>,
}

impl Orders {
    pub fn new(journal: &Path) -> Self {
        let journal = journal.to_owned();
        let (sync, max_bytes) = (laneq::Sync::Group, 256 << 20);
        Self { journal, sync, run: 0, threads: 4, count: 0, bytes: 60, max_bytes, ballast: None }
    }

    pub fn load(self, run: u32, count: u32) -> Self {
        Self { run, count, ..self }
    }

    fn words(&self) -> Vec<(&'static str, String)> {
        let ballast = self.ballast.as_ref().map_or(String::new(), |p| p.display().to_string());
        vec![
            ("LANEQ_CHILD", self.journal.display().to_string()),
            ("LANEQ_CHILD_SYNC", self.sync.to_string()),
            ("LANEQ_CHILD_RUN", self.run.to_string()),
            ("LANEQ_CHILD_THREADS", self.threads.to_string()),
            ("LANEQ_CHILD_COUNT", self.count.to_string()),
            ("LANEQ_CHILD_BYTES", self.bytes.to_string()),
            ("LANEQ_CHILD_MAX", self.max_bytes.to_string()),
            ("LANEQ_CHILD_BALLAST", ballast),
        ]
    }

    fn read() -> Option<Self> {
        let word = |name: &str| std::env::var(name).unwrap_or_default();
        let number = |name: &str| word(name).parse::<u64>().expect("a number");
        let journal = PathBuf::from(std::env::var_os("LANEQ_CHILD")?);
        let ballast = Some(word("LANEQ_CHILD_BALLAST")).filter(|path| !path.is_empty());
        let small = |name: &str| u32::try_from(number(name)).expect("a small number");
        Some(Self {
            journal,
            sync: word("LANEQ_CHILD_SYNC").parse().expect("a sync policy"),
            run: small("LANEQ_CHILD_RUN"),
            threads: small("LANEQ_CHILD_THREADS"),
            count: small("LANEQ_CHILD_COUNT"),
            bytes: usize::try_from(number("LANEQ_CHILD_BYTES")).expect("a length"),
            max_bytes: number("LANEQ_CHILD_MAX"),
            ballast: ballast.map(Into::into),
        })
    }

    /// This program as a child, by way of a tool if `before` names one.
    pub fn command(&self, before: &[&str]) -> Command {
        let me = std::env::current_exe().expect("this program");
        let mut command = match before.split_first() {
            Some((tool, arguments)) => {
                let mut command = Command::new(tool);
                command.args(arguments).arg(me);
                command
            }
            None => Command::new(me),
        };
        command.args(["--exact", "child::child", "--ignored", "--nocapture", "-q"]);
        command.envs(self.words()).stdin(Stdio::null());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }
}

/// One line, with one write: a kill cuts between lines.
fn say(line: &str) {
    let out = std::io::stdout().as_fd().try_clone_to_owned().expect("a descriptor");
    if File::from(out).write_all(format!("{line}\n").as_bytes()).is_err() {
        // The parent is gone, and so is the reason to be.
        std::process::exit(3);
    }
}

/// Every event, as text: what hosts log.
struct Loud;

impl Observer for Loud {
    fn on_event(&self, record: &Record) {
        eprintln!("{record:?}");
    }
}

/// What the library logs.
struct Logs;

impl log::Log for Logs {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }
    fn log(&self, record: &log::Record<'_>) {
        eprintln!("{}", record.args());
    }
    fn flush(&self) {}
}

/// Closed while runs are to wait.
#[derive(Default)]
struct Door(Mutex<bool>, Condvar);

impl Door {
    fn open(&self) {
        *self.0.lock().expect("no panic under it") = true;
        self.1.notify_all();
    }

    fn wait(&self) {
        let shut = self.0.lock().expect("no panic under it");
        drop(self.1.wait_while(shut, |open| !*open).expect("no panic under it"));
    }
}

#[test]
#[ignore = "the other tests start it"]
fn child() {
    let Some(orders) = Orders::read() else { return };
    log::set_logger(&Logs).expect("set once");
    log::set_max_level(log::LevelFilter::Trace);
    let journal = JournalKnobs {
        path: Some(orders.journal.clone()),
        sync: orders.sync,
        attempts: ATTEMPTS,
        max_bytes: orders.max_bytes,
    };
    let mut config = Config { journal, ..Config::default() };
    config.inbound.dedupe_entries = 200;
    (config.queue.cap, config.queue.drop) = (1000, laneq::Drop::New);
    match Engine::new(config) {
        Ok(engine) => serve(&engine, &orders),
        Err(error) => say(&format!("error {error}")),
    }
}

fn serve(engine: &Engine, orders: &Orders) {
    engine.observe(Arc::new(Loud)).expect("there is a thread");
    let door = Arc::new(Door::default());
    if orders.ballast.is_none() {
        door.open();
    }
    let shut = Arc::clone(&door);
    engine
        .on_run("main", move |run| {
            shut.wait();
            for part in run.batch().messages() {
                assert!(part.text().contains(CANARY), "a text came back changed");
                say(&format!("ran {} {} {}", part.id(), run.attempt(), run.key()));
            }
            Ok(Reply::new(""))
        })
        .expect("set once");
    let (mut came, sent) = (Vec::new(), Mutex::default());
    let back = engine.recover(|receipt| came.push(receipt.clone()));
    say(&format!("recovered {back:?}"));
    std::thread::scope(|scope| {
        for thread in 0..orders.threads {
            let (door, sent) = (&door, &sent);
            scope.spawn(move || submit(engine, orders, thread, door, sent));
        }
    });
    door.open();
    for receipt in came {
        match receipt.wait_for(LONG) {
            Ok(settled) if settled.fate == Fate::Ran => {}
            other => say(&format!("fate {} {other:?}", receipt.id())),
        }
    }
    let closed = engine.drain(LONG).map(|report| format!("{report:?}"));
    let error = engine.journal_error();
    for receipt in sent.into_inner().expect("no panic under it") {
        if receipt.settled().is_some_and(|settled| settled.fate == Fate::Returned) {
            say(&format!("returned {}", receipt.id()));
        }
    }
    say(&format!("closed {:?}", engine.close(LONG)));
    say(&format!("done {closed:?} {error:?}"));
}

/// What was acknowledged, for as long as its fate may matter.
type Sent = Mutex<Vec<laneq::Receipt>>;

fn submit(engine: &Engine, orders: &Orders, thread: u32, door: &Door, acked: &Sent) {
    let each = if thread % 2 == 1 && orders.ballast.is_none() { 8 } else { 1 };
    for n in (0..orders.count).step_by(each) {
        let most = orders.count.saturating_sub(n).min(each as u32);
        if some(engine, orders, thread, n..n + most, acked) {
            continue;
        }
        if let Some(ballast) = &orders.ballast {
            // What waits fills the disk, until somebody makes room.
            std::fs::remove_file(ballast).expect("the ballast was there");
            let until = Instant::now() + Duration::from_secs(30);
            let mut more = n + 1;
            while !some(engine, orders, thread, more..more + 1, acked) && Instant::now() < until {
                // The journal looks for room again after a while only, and tells nobody when it does.
                std::thread::sleep(Duration::from_millis(100));
                more += 1;
            }
            door.open();
            return;
        }
    }
}

/// Submits some messages at once, and says what became of each: whether none was refused by the
/// journal.
fn some(
    engine: &Engine,
    orders: &Orders,
    thread: u32,
    numbers: std::ops::Range<u32>,
    acked: &Sent,
) -> bool {
    let key = format!("key-{}", thread % 3);
    let one = |n: u32| {
        let id = format!("{}.{thread}.{n}", orders.run);
        let text = format!("{CANARY} {}", "x".repeat(orders.bytes));
        let message = Message::new(&*key, text).with_id(&*id).with_mode(Mode::Followup);
        say(&format!("try {id} {key}"));
        (id, engine.submit_nowait(message))
    };
    let sent: Vec<_> = numbers.map(one).collect();
    let mut all = true;
    for (id, admission) in sent {
        match admission.and_then(laneq::Admission::wait) {
            Ok(receipt) => {
                say(&format!("ack {id}"));
                acked.lock().expect("no panic under it").push(receipt);
            }
            Err(refused) if refused.reason == laneq::Reason::Full => {
                say(&format!("busy {id}"));
                // As a host does whose session is full: the next one may find room.
                std::thread::sleep(Duration::from_millis(1));
            }
            Err(refused) => {
                say(&format!("refused {id} {} {}", refused.reason, refused.detail));
                all = false;
            }
        }
    }
    all
}
