//! One thread that submits: messages of every mode, closures of every kind, to keys of its own.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::thread;
use std::time::Duration;

use laneq::{Engine, Message, Mode, Priority, Receipt, Refused, Run};

use crate::books::Owed;
use crate::dice::Dice;
use crate::floor::{Floor, OWN};
use crate::handler::any_deed;
use crate::keys::{Keys, Rank};
use crate::plant::Bug;

/// Receipts that one thread waits for at most: what keeps the load flat.
const WINDOW: usize = 256;
/// Keys that half of everything goes to.
const HOT: usize = 3;
/// Closures without a receipt under way at most, in all.
const FIRED: u64 = 4096;
const MODES: [Mode; 5] =
    [Mode::Followup, Mode::Collect, Mode::Steer, Mode::SteerBacklog, Mode::Interrupt];
const LANES: [&str; 6] = ["main", "main", "subagent", "cron", "port", "side"];

/// Counts a fired closure when it is gone, executed or not.
struct Fired(Arc<Floor>);

impl Drop for Fired {
    fn drop(&mut self) {
        self.0.books.fired_gone.fetch_add(1, Relaxed);
    }
}

pub struct Load<'a> {
    engine: &'a Engine,
    floor: &'a Arc<Floor>,
    dice: Dice,
    keys: Vec<String>,
    owed: VecDeque<Owed>,
    n: u64,
}

impl<'a> Load<'a> {
    pub fn new(engine: &'a Engine, floor: &'a Arc<Floor>, thread: usize) -> Self {
        let dice = Dice::new(floor.seed ^ (floor.life << 8) ^ thread as u64);
        let keys = (0..OWN).map(|n| Keys::name(thread * OWN + n)).collect();
        Self { engine, floor, dice, keys, owed: VecDeque::new(), n: 0 }
    }

    /// Submits until the life is over; answers what has no fate yet.
    pub fn run(mut self) -> VecDeque<Owed> {
        while !self.floor.is_over() {
            match self.dice.roll(100) {
                0..=54 => self.message(),
                55..=74 => self.fire(),
                75..=84 => self.enqueue(),
                85..=92 => self.keyless(),
                93..=96 => self.withdraw(),
                97 => drop(self.engine.interrupt(&self.key())),
                98 => drop(self.engine.stop(&self.key())),
                _ => thread::yield_now(),
            }
            self.keep_flat();
        }
        self.owed
    }

    /// Every other time one of a few, where much comes together.
    fn key(&mut self) -> String {
        let among = self.dice.pick(&[HOT, OWN]);
        let n = self.dice.below(among);
        self.keys[n].clone()
    }

    /// The next number of this life: numbers of a key grow in the order of its calls.
    fn next(&mut self) -> u64 {
        self.n += 1;
        self.floor.number(self.n)
    }

    fn owe(&mut self, owed: Owed) {
        self.floor.books.owes();
        self.owed.push_back(owed);
        if self.floor.plant.due(Bug::LostReceipt) {
            self.owe(Owed::Never);
        }
    }

    fn refused<M>(&self, _: &Refused<M>) {
        self.floor.books.refused.fetch_add(1, Relaxed);
    }

    fn message(&mut self) {
        let (key, seq) = (self.key(), self.next());
        let dice = &mut self.dice;
        let text = format!("{seq} {}", any_deed(dice));
        let mut message = Message::new(key, text)
            .with_mode(dice.pick(&MODES))
            .with_lane(dice.pick(&LANES))
            .with_priority(dice.pick(&[
                Priority::Background,
                Priority::Normal,
                Priority::Foreground,
            ]));
        match dice.roll(40) {
            0 => message = message.with_ttl(Duration::from_millis(1 + dice.roll(20))),
            1 => message = message.with_deadline(Duration::from_millis(1 + dice.roll(20))),
            2 => message = message.with_backlog("0 quick"),
            // Some of them twice: those are refused as duplicates.
            3 => message = message.with_id(format!("{}", seq - dice.roll(50))),
            // Parked ones stay in a journal until somebody looks at them.
            4 if !self.floor.durable => message = message.with_attempts(2),
            _ => {}
        }
        let answer = if dice.roll(2) == 0 {
            self.engine.submit(message)
        } else {
            self.engine.submit_nowait(message).and_then(laneq::Admission::wait)
        };
        match answer {
            Ok(receipt) => self.owe(Owed::Message(receipt)),
            Err(refused) => self.refused(&refused),
        }
    }

    /// What a closure under a key does: the same checks as a message.
    fn code(&mut self, key: &str) -> impl FnOnce(&Run) -> u64 + Send + 'static {
        let (floor, key, seq) = (Arc::clone(self.floor), key.to_owned(), self.next());
        let way = self.dice.roll(500);
        move |run| {
            let first = std::iter::once((Rank::Turn, seq));
            let _stay = floor.keys.enter(&key, run.id().get(), first, &floor.plant);
            match way {
                0 => thread::sleep(Duration::from_millis(1)),
                1 => std::panic::resume_unwind(Box::new("planned panic")),
                2 => floor.stick(run.id(), &key),
                _ => {}
            }
            seq
        }
    }

    fn fire(&mut self) {
        let (key, lane) = (self.key(), self.dice.pick(&LANES));
        let (code, fired) = (self.code(&key), Fired(Arc::clone(self.floor)));
        let answer = self.engine.fire(lane, &key, move |run| {
            fired.0.books.fired_ran.fetch_add(1, Relaxed);
            let _ = code(run);
        });
        self.fired(answer);
    }

    fn fired(&mut self, answer: Result<(), Refused<()>>) {
        match answer {
            Ok(()) => drop(self.floor.books.fired.fetch_add(1, Relaxed)),
            Err(refused) => {
                // It is gone, too, but was never accepted.
                self.floor.books.fired_gone.fetch_sub(1, Relaxed);
                self.refused(&refused);
            }
        }
    }

    fn enqueue(&mut self) {
        let (key, lane) = (self.key(), self.dice.pick(&LANES));
        let code = self.code(&key);
        let answer: Result<Receipt<u64>, _> = match self.dice.roll(4) {
            0 => self.engine.session(&key).map(|session| session.enqueue(code)).expect("a key"),
            _ => self.engine.enqueue(lane, &key, code),
        };
        match answer {
            Ok(receipt) => self.owe(Owed::Code(receipt)),
            Err(refused) => self.refused(&refused),
        }
    }

    fn keyless(&mut self) {
        let lane = self.dice.pick(&LANES);
        if self.dice.roll(2) == 0 {
            let fired = Fired(Arc::clone(self.floor));
            let answer = self.engine.fire_keyless(lane, move |_| {
                fired.0.books.fired_ran.fetch_add(1, Relaxed);
            });
            return self.fired(answer);
        }
        match self.engine.enqueue_keyless(lane, |_| 7) {
            Ok(receipt) => self.owe(Owed::Code(receipt)),
            Err(refused) => self.refused(&refused),
        }
    }

    fn withdraw(&mut self) {
        if !self.owed.is_empty() {
            let n = self.dice.below(self.owed.len());
            self.owed[n].withdraw(self.engine);
        }
    }

    /// Waits for the oldest receipt, and for fired closures, where there are too many.
    fn keep_flat(&mut self) {
        let books = &self.floor.books;
        while let Some(fate) = self.owed.front().and_then(Owed::fate) {
            books.settles(Some(fate));
            self.owed.pop_front();
        }
        if self.owed.len() > WINDOW {
            let oldest = self.owed.pop_front().expect("there are many");
            books.settles(oldest.wait(self.floor.patience));
        }
        while books.fired.load(Relaxed) > books.fired_gone.load(Relaxed) + FIRED {
            thread::sleep(Duration::from_micros(200));
        }
    }
}
