//! Who changes everything while it is used, and who lets go of handlers that ignore their stop.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::thread;
use std::time::Duration;

use laneq::{Concurrency, Config, Drop, Engine, Knobs, Mode};

use crate::dice::Dice;
use crate::floor::Floor;
use crate::keys::Keys;

const LANES: [&str; 5] = ["main", "subagent", "cron", "port", "side"];

/// Settings under which much happens in little time.
pub fn settings(way: u64) -> Config {
    let ms = Duration::from_millis;
    let drop = [Drop::Summarize, Drop::Old, Drop::New][usize::try_from(way % 3).expect("small")];
    let mut config = Config::default().with_lane("port", 4).with_lane("main", 2 + way_u32(way));
    // A lane that goes with every other reload: what comes then is refused.
    if way.is_multiple_of(2) {
        config = config.with_lane("side", 2);
    }
    config.with_queue(|queue| {
        queue.drop = drop;
        queue.cap = 12 + way_u32(way);
        queue.debounce = ms(2);
        queue.backoff = ms(1);
        queue.backoff_max = ms(4);
        queue.steer_rounds = 4;
    })
}

fn way_u32(way: u64) -> u32 {
    u32::try_from(way % 4).expect("small")
}

fn some<T>(dice: &mut Dice, value: T) -> Option<T> {
    (dice.roll(2) == 0).then_some(value)
}

/// Resizes, pauses, reloads, sets knobs and looks at the books, until the life is over.
pub fn conduct(engine: &Engine, floor: &Floor, base: &Config) {
    let mut dice = Dice::new(floor.seed ^ floor.life ^ 0xC0DE);
    while !floor.is_over() {
        let lane = dice.pick(&LANES);
        match dice.roll(64) {
            0..=19 => resize(engine, lane, &mut dice),
            20..=27 => {
                // Gone with a reload: there is nothing to pause.
                let _ = engine.pause(lane);
                thread::sleep(Duration::from_millis(dice.roll(3)));
                let _ = engine.resume(lane);
            }
            28..=31 => {
                let config = Config { journal: base.journal.clone(), ..settings(dice.roll(12)) };
                drop(engine.reload(config).expect("the settings are fine"));
            }
            32..=47 => {
                let knobs = Knobs {
                    mode: some(&mut dice, Mode::Steer),
                    debounce: some(&mut dice, Duration::from_millis(1)),
                    cap: some(&mut dice, 6),
                    drop: some(&mut dice, Drop::Old),
                };
                let key = Keys::name(dice.below(floor.own_keys));
                engine.set_knobs(&key, knobs).expect("a table with room");
            }
            48 => {
                floor.books.unbalanced.fetch_add(engine.audit().unbalanced, Relaxed);
            }
            49 => drop(engine.stats()),
            _ => {}
        }
        floor.books.sweep(false);
        thread::sleep(Duration::from_millis(2));
    }
    // Nothing stays paused.
    for lane in LANES {
        let _ = engine.resume(lane);
        let _ = engine.set_lane(lane, Concurrency::Limit(4));
    }
}

fn resize(engine: &Engine, lane: &str, dice: &mut Dice) {
    let limit = Concurrency::Limit(way_u32(dice.roll(4)) + 1);
    let concurrency = if dice.roll(8) == 0 { Concurrency::Unlimited } else { limit };
    // `side` is made anew where a reload has taken it away.
    engine.set_lane(lane, concurrency).expect("a lane of ours");
}

/// Interrupts those that ignore their stop, abandons some of them, and lets all of them go in the
/// end. Until the engine is closed.
pub fn warden(engine: &Engine, floor: &Arc<Floor>) {
    let mut dice = Dice::new(floor.seed ^ floor.life ^ 0x1A11);
    while !floor.is_closed() {
        for stuck in floor.take_stuck() {
            let _ = engine.interrupt_run(stuck.run);
            thread::sleep(Duration::from_millis(1));
            if dice.roll(2) == 0 {
                floor.keys.forget(&stuck.key, stuck.run.get());
                // Stale: a close came first.
                let abandoned = engine.abandon(stuck.run);
                floor.books.abandoned.fetch_add(u64::from(abandoned.is_ok()), Relaxed);
                thread::sleep(Duration::from_millis(1));
            }
            stuck.let_go();
        }
        thread::sleep(Duration::from_millis(2));
    }
}
