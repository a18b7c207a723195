//! Playing seeds: one, or very many.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::seam::Plant;
use crate::world::World;

/// A seed that has found something.
pub struct Failure {
    pub seed: u64,
    pub why: String,
    pub history: Vec<String>,
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for line in &self.history {
            writeln!(f, "{line}")?;
        }
        let Self { seed, why, .. } = self;
        writeln!(f, "seed {seed}: {why}")?;
        write!(
            f,
            "once more: LANEQ_SEED={seed} cargo test --locked --features cli --test sim -- --nocapture one_seed"
        )
    }
}

/// Plays one seed to its end.
pub fn play(seed: u64, plant: Option<Plant>) -> Result<Vec<String>, Failure> {
    let mut world = World::new(seed, plant, false);
    finish(seed, &mut world)
}

/// The same, with every event in the history.
pub fn listen(seed: u64) -> Result<Vec<String>, Failure> {
    let mut world = World::new(seed, None, true);
    let mut history = finish(seed, &mut world)?;
    history.extend(world.book.iter().flat_map(|book| book.lines()));
    Ok(history)
}

fn finish(seed: u64, world: &mut World) -> Result<Vec<String>, Failure> {
    let result = catch_unwind(AssertUnwindSafe(|| world.play()));
    let why = match result {
        Ok(Ok(())) => return Ok(std::mem::take(&mut world.history)),
        Ok(Err(why)) => why,
        Err(panic) => {
            let text = panic.downcast_ref::<&str>().map(|s| (*s).to_owned());
            let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
            format!("a panic: {}", text.unwrap_or_default())
        }
    };
    Err(Failure { seed, why, history: std::mem::take(&mut world.history) })
}

/// Plays all of these seeds, on all cores; the first that fails ends it.
pub fn play_all(seeds: std::ops::Range<u64>, loud: bool) -> Result<u64, Box<Failure>> {
    let (next, done) = (AtomicU64::new(seeds.start), AtomicU64::new(0));
    let (failed, began) = (AtomicBool::new(false), Instant::now());
    let failure = std::sync::Mutex::new(None);
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let worker = || {
        while !failed.load(Ordering::Relaxed) {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds.end {
                return;
            }
            if let Err(found) = play(seed, None) {
                failed.store(true, Ordering::Relaxed);
                *failure.lock().expect("no panic under it") = Some(Box::new(found));
            }
            done.fetch_add(1, Ordering::Relaxed);
        }
    };
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..cores).map(|_| scope.spawn(worker)).collect();
        while loud && workers.iter().any(|worker| !worker.is_finished()) {
            std::thread::park_timeout(Duration::from_secs(5));
            let (done, took) = (done.load(Ordering::Relaxed), began.elapsed().as_secs_f64());
            eprintln!("{done} seeds in {took:.0} s: {:.0} a second", done as f64 / took);
        }
    });
    match failure.into_inner().expect("no panic under it") {
        Some(found) => Err(found),
        None => Ok(done.into_inner()),
    }
}
