//! What a run does: the second word of its message says it, dice say the rest.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::thread;
use std::time::Duration;

use laneq::{BoxError, End, Launch, Message, Mode, Reply, Run, Verdict};

use crate::dice::Dice;
use crate::floor::{CHILDREN, Floor};
use crate::keys::{Keys, Rank, Stay};
use crate::plant::Bug;

/// Most runs are quick, some are anything else.
pub fn any_deed(dice: &mut Dice) -> &'static str {
    match dice.roll(2000) {
        0 => "stuck",
        1..=4 => "block",
        5..=40 => "slow",
        41..=80 => "panic",
        81..=160 => "fail",
        161..=400 => "steps",
        401..=460 => "end",
        461..=520 => "calls",
        521..=580 => "spawn",
        581..=620 => "leave",
        _ => "quick",
    }
}

impl Floor {
    /// A message of this life: its number and its deed.
    fn read(text: &str) -> Option<(u64, &str)> {
        let (seq, deed) = text.split_once(' ')?;
        Some((seq.parse().ok()?, deed))
    }

    pub fn number(&self, n: u64) -> u64 {
        (self.life << 40) + n
    }

    /// The run is in its handler until this is dropped.
    pub fn enter(&self, run: &Run) -> Stay<'_> {
        // A retry, and what another life began, has started before.
        let fresh = run.attempt() == 1;
        let first = run.batch().messages().filter_map(|part| {
            let (seq, _) = Self::read(part.message().text())?;
            let rank = match part.message().mode() {
                Some(Mode::Interrupt) => Rank::Interrupt,
                Some(Mode::Followup | Mode::Collect) => Rank::Turn,
                // Promoted ones go first.
                _ => return None,
            };
            (fresh && seq >= self.number(0)).then_some((rank, seq))
        });
        self.keys.enter(run.key(), run.id().get(), first, &self.plant)
    }

    /// The handler of every lane.
    pub fn handle(self: &Arc<Self>, run: &Run) -> Result<Reply, BoxError> {
        let _stay = self.enter(run);
        let mut dice = Dice::new(self.seed ^ run.id().get());
        if self.plant.has(Bug::Leak) {
            std::mem::forget(std::hint::black_box(vec![1_u8; 2048]));
        }
        let first = run.batch().messages().next();
        let text = first.map_or("", |part| part.message().text());
        match Self::read(text).map_or("quick", |(_, deed)| deed) {
            "stuck" => self.stick(run.id(), run.key()),
            // Deaf to its stop, and late.
            "block" => thread::sleep(Duration::from_millis(1 + dice.roll(10))),
            "slow" => return slow(run, &mut dice),
            "panic" => std::panic::resume_unwind(Box::new("planned panic")),
            "fail" => return Err("planned failure".into()),
            "steps" => return steps(run, &mut dice),
            "end" => return end(run, &mut dice),
            "calls" => return self.calls(run, &mut dice),
            "spawn" => return self.spawn(run, &mut dice, true),
            "leave" => return self.spawn(run, &mut dice, false),
            _ => {}
        }
        Ok(Reply::from("done"))
    }

    /// P6: exactly one result a call, in source order, whatever was skipped or stopped.
    fn calls(&self, run: &Run, dice: &mut Dice) -> Result<Reply, BoxError> {
        let ledger = run.plan(["a", "b", "c"])?;
        for call in ledger.calls() {
            if matches!(ledger.start(&call), Ok(Launch::Go)) {
                thread::yield_now();
                let fine = if dice.roll(4) == 0 { Err("broken".into()) } else { Ok("fine".into()) };
                let _ = ledger.finish(&call, fine);
            }
        }
        let results = ledger.settle().map_err(|left| format!("open calls: {left:?}"))?;
        let names: Vec<&str> = results.iter().map(|result| &*result.call).collect();
        if names != ["a", "b", "c"] {
            self.keys.calls.fetch_add(1, Relaxed);
        }
        Ok("called".into())
    }

    /// A child, which is waited for or not.
    fn spawn(&self, run: &Run, dice: &mut Dice, wait: bool) -> Result<Reply, BoxError> {
        let key = Keys::name(self.own_keys + dice.below(CHILDREN));
        let deed = dice.pick(&["quick", "quick", "steps", "fail", "panic", "spawn"]);
        let child = Message::new(key, format!("0 {deed}"));
        let child = child.with_mode(dice.pick(&[Mode::Steer, Mode::Collect, Mode::Interrupt]));
        let spawned = if dice.roll(4) == 0 { run.spawn_detached(child) } else { run.spawn(child) };
        let Ok(receipt) = spawned else {
            self.books.refused.fetch_add(1, Relaxed);
            return Err("no room for a child".into());
        };
        self.books.child(receipt.clone());
        if wait {
            // A cycle, a stop or a timeout: the child goes its way.
            let _ = run.wait(&receipt, Some(Duration::from_millis(1 + dice.roll(50))));
        }
        if dice.roll(4) == 0 { Err("a parent that fails".into()) } else { Ok("parent".into()) }
    }
}

fn slow(run: &Run, dice: &mut Dice) -> Result<Reply, BoxError> {
    if let Some(cause) = run.token().wait(Duration::from_millis(1 + dice.roll(5))) {
        return Err(format!("stopped: {cause}").into());
    }
    steps(run, dice)
}

fn steps(run: &Run, dice: &mut Dice) -> Result<Reply, BoxError> {
    for _ in 0..1 + dice.roll(8) {
        match run.boundary() {
            Verdict::Stop(_) => return Err("stopped".into()),
            Verdict::Steer => {
                let steers = run.take_steers();
                // One that is dropped puts them back.
                if dice.roll(3) > 0 {
                    let _ = steers.commit();
                }
            }
            _ => thread::yield_now(),
        }
        if dice.roll(8) == 0 {
            let _ = run.set_steerable(dice.roll(2) == 0);
        }
    }
    Ok("stepped".into())
}

fn end(run: &Run, dice: &mut Dice) -> Result<Reply, BoxError> {
    while let Ok(End::Steers(steers)) = run.end() {
        if dice.roll(4) == 0 {
            drop(steers);
            break;
        }
        let _ = steers.commit();
    }
    Ok("ended".into())
}
