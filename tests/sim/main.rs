//! The whole engine in one thread and in virtual time: a seed decides everything. After each step
//! what the engine says is compared with what the promises say.
//!
//! `LANEQ_SEED=n` replays one seed with its history, `LANEQ_SEEDS=n` plays seeds 0 to n - 1.

#![cfg_attr(not(feature = "journal"), allow(dead_code, reason = "no crashes and no faults then"))]
#![allow(clippy::result_large_err, reason = "a refused message comes home, whole")]

mod arrive;
mod books;
mod control;
#[cfg(feature = "journal")]
mod crash;
#[cfg(not(feature = "journal"))]
#[path = "no_crash.rs"]
mod crash;
mod dice;
#[cfg(feature = "journal")]
mod paper;
mod plan;
mod play;
mod runs;
mod seam;
mod steers;
mod truth;
mod world;

use play::{listen, play, play_all};
use seam::Plant;

fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name}={text}: a whole number")))
}

/// P1 to P12: whatever happens in whatever order, every seed keeps them.
#[test]
fn p04_every_seed_keeps_the_promises() {
    let asked = number("LANEQ_SEEDS");
    let seeds = asked.unwrap_or(300);
    match play_all(0..seeds, asked.is_some()) {
        Ok(played) => assert_eq!(played, seeds),
        Err(failure) => panic!("{failure}"),
    }
}

/// Replays the seed of `LANEQ_SEED` with its history.
#[test]
fn one_seed() {
    let Some(seed) = number("LANEQ_SEED") else { return };
    match play(seed, None) {
        Ok(history) => history.iter().for_each(|line| println!("{line}")),
        Err(failure) => panic!("{failure}"),
    }
}

/// A seed that fails is worth nothing if it does not fail again.
#[test]
fn a_seed_plays_the_same_each_time() {
    for seed in 0..40 {
        let twice = [listen(seed), listen(seed)];
        let [one, two] = twice.map(|played| played.unwrap_or_else(|failure| panic!("{failure}")));
        for (line, (one, two)) in one.iter().zip(&two).enumerate() {
            assert_eq!(one, two, "seed {seed}, line {line}");
        }
        assert_eq!(one.len(), two.len(), "seed {seed}");
    }
}

/// A simulation that cannot fail proves nothing: each planted mistake is found soon.
#[test]
fn every_planted_mistake_is_found() {
    const SEEDS: u64 = 400;
    for plant in Plant::ALL.into_iter().filter(|plant| plant.may_come()) {
        // What fails by itself proves nothing.
        let caught = |seed| play(seed, Some(plant)).err().filter(|_| play(seed, None).is_ok());
        let found = (0..SEEDS).find_map(caught);
        let failure = found.unwrap_or_else(|| panic!("{plant:?} went unnoticed"));
        println!("{plant:?}: seed {}: {}", failure.seed, failure.why);
    }
}
