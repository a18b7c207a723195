//! Runs a scene under many schedules, says how far it is, and how to replay what it has found.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::Instant;

use shuttle::{Config, FailurePersistence, MaxSteps, Runner};

use super::dice::Dice;
use crate::sync::Arc;
use crate::sync::tally::{AtomicU64, Ordering};
use crate::sync::unseen::scope;

/// What the scenes' own tests share at most.
const OWN: u64 = 100_000;
/// Schedules of a scene in one turn of the long search.
const TURN: u64 = 500;
/// More steps than any scene takes: who needs more goes round in circles.
const STEPS: usize = 60_000;

/// The seed of the schedule in progress.
#[derive(Clone, Default)]
pub(super) struct Seed(Arc<AtomicU64>);

impl Seed {
    pub(super) fn set(&self, seed: u64) {
        self.0.store(seed, Ordering::SeqCst);
    }
}

fn number(name: &str, default: u64) -> u64 {
    match std::env::var(name) {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("{name}={text:?} is not a number")),
        Err(_) => default,
    }
}

/// How many schedules are asked for in all.
fn asked() -> u64 {
    number("LANEQ_SCHEDULES", 8_500)
}

/// The scene and seed to replay.
fn replayed() -> Option<(String, u64)> {
    let text = std::env::var("LANEQ_REPLAY").ok()?;
    let (scene, seed) = text.rsplit_once(':').expect("LANEQ_REPLAY=<scene>:<seed>");
    Some((scene.to_owned(), seed.parse().expect("the seed is a number")))
}

fn config() -> Config {
    let mut config = Config::new();
    config.stack_size = 1 << 18;
    config.failure_persistence = FailurePersistence::None;
    config.max_steps = MaxSteps::FailAfter(STEPS);
    config.silence_warnings = true;
    config
}

/// Runs the scene once for each seed; answers the first seed that fails, with what was thrown.
pub(super) fn first_failure(
    scene: fn(),
    seeds: std::ops::Range<u64>,
) -> Result<(), (u64, Box<dyn std::any::Any + Send>)> {
    let seed = Seed::default();
    let runner = Runner::new(Dice::new(seeds, seed.clone()), config());
    let ran = catch_unwind(AssertUnwindSafe(|| runner.run(scene)));
    ran.map(drop).map_err(|panic| (seed.0.load(Ordering::SeqCst), panic))
}

fn report(name: &str, seed: u64) {
    eprintln!("{name} fails; to see it again: LANEQ_REPLAY={name}:{seed}");
}

fn run(name: &str, scene: fn(), seeds: std::ops::Range<u64>) {
    if let Err((seed, panic)) = first_failure(scene, seeds) {
        report(name, seed);
        resume_unwind(panic);
    }
}

/// A scene's own share.
pub(super) fn search(name: &str, scene: fn()) {
    if let Some((replayed, seed)) = replayed() {
        if replayed == name {
            run(name, scene, seed..seed + 1);
        }
        return;
    }
    let start = number("LANEQ_SEED", 0);
    let share = asked().min(OWN).div_ceil(super::SCENES.len() as u64);
    let began = Instant::now();
    run(name, scene, start..start + share);
    eprintln!("{name}: {share} schedules in {:.1} s", began.elapsed().as_secs_f64());
}

/// What is asked for beyond the scenes' own shares: all scenes in turns, on two threads.
pub(super) fn search_all(scenes: &'static [(&'static str, fn())]) {
    let more = asked().saturating_sub(OWN);
    if more == 0 || replayed().is_some() {
        return;
    }
    let start = number("LANEQ_SEED", 0) + OWN;
    let turns = more.div_ceil(TURN);
    let (next, done) = (AtomicU64::new(0), AtomicU64::new(0));
    let began = Instant::now();
    let walk = || {
        loop {
            let turn = next.fetch_add(1, Ordering::SeqCst);
            if turn >= turns {
                return;
            }
            let count = scenes.len() as u64;
            let (name, scene) = scenes[usize::try_from(turn % count).unwrap_or(0)];
            let first = start + turn / count * TURN;
            if let Err((seed, panic)) = first_failure(scene, first..first + TURN) {
                next.store(turns, Ordering::SeqCst);
                report(name, seed);
                resume_unwind(panic);
            }
            let all = done.fetch_add(TURN, Ordering::SeqCst) + TURN;
            if all.is_multiple_of(TURN * count * 4) {
                let took = began.elapsed().as_secs_f64();
                eprintln!("{all} of {more} schedules in {took:.0} s, the last {name}:{first}");
            }
        }
    };
    scope(|both| {
        both.spawn(&walk);
        walk();
    });
}
