//! All races at once: two producers that do anything, handlers that do anything.

use std::time::Duration;

use super::stage::{Book, EVER, Inside, Stage, config, deliver, join};
use crate::sync::thread::{self, PLANNED, roll};
use crate::{BoxError, Cause, Concurrency, End, Message, Mode, Priority, Reply, Run, Verdict};

const KEYS: [&str; 2] = ["a", "b"];

fn one<T: Copy>(of: &[T]) -> T {
    of[usize::try_from(roll(of.len() as u64)).unwrap_or(0)]
}

fn message() -> Message {
    let modes = [Mode::Followup, Mode::Collect, Mode::Steer, Mode::SteerBacklog, Mode::Interrupt];
    let message = Message::new(one(&KEYS), "x").with_mode(one(&modes));
    let message = message.with_attempts(1 + u32::try_from(roll(2)).unwrap_or(0));
    let message = message.with_lane(one(&["main", "main", "side"]));
    let message = message.with_priority(one(&[Priority::Normal, Priority::Foreground]));
    match roll(6) {
        0 => message.with_ttl(Duration::from_secs(1)),
        1 => message.with_deadline(Duration::from_secs(1)),
        _ => message,
    }
}

fn handle(run: &Run, book: &Book, inside: &Inside<'_>) -> Result<Reply, BoxError> {
    match run.boundary() {
        Verdict::Stop(_) => return Err("stopped".into()),
        Verdict::Steer => deliver(run, book),
        Verdict::Go => {}
    }
    match roll(8) {
        0 => drop(run.end().map(|end| matches!(end, End::Closed))),
        1 => drop(run.set_steerable(false)),
        2 if run.key().len() == 1 => {
            let child = Message::new(format!("{}/child", run.key()), "x").with_lane("main");
            if let Ok(receipt) = run.spawn(child) {
                book.sent(&receipt);
                inside.wait(run, &receipt, Some(Duration::from_secs(1)));
            }
        }
        3 => drop(run.token().child().cancel(Cause::Host)),
        4 => return Err("planned failure".into()),
        5 => std::panic::resume_unwind(Box::new(PLANNED)),
        _ => run.say("x"),
    }
    Ok("done".into())
}

fn act(stage: &Stage) {
    match roll(12) {
        0 => _ = stage.engine.interrupt(one(&KEYS)),
        1 => _ = stage.engine.stop(one(&KEYS)),
        2 => stage.engine.advance(Duration::from_millis(1_100)),
        3 => stage.fire(Some(one(&KEYS))),
        4 => stage.fire(None),
        5 => {
            let slots = Concurrency::Limit(u32::try_from(roll(3)).unwrap_or(0));
            stage.engine.set_lane("main", slots).expect("in range");
        }
        6 => {
            if let Some(run) = stage.book.executing() {
                stage.book.abandon(run);
                let _ = stage.engine.abandon(run);
            }
        }
        7 => {
            if let Some(receipt) = stage.send(message()) {
                let _ = stage.engine.withdraw(&receipt);
            }
        }
        _ => drop(stage.send(message())),
    }
}

/// Everything, and then the end: by itself, by a drain, or in the middle.
pub(super) fn p4_everything_meets_everything() {
    let stage = Stage::with(config(&[("main", 2), ("side", 1)]), handle);
    let producer = || stage.go(|stage| (0..4).for_each(|_| act(&stage)));
    let producers = [producer(), producer()];
    if roll(4) == 0 {
        assert!(stage.engine.close(EVER).is_ok());
    }
    join(producers);
    stage.engine.set_lane("main", Concurrency::Limit(2)).expect("in range");
    while stage.engine.audit().pending > 0 && roll(40) > 0 {
        stage.engine.advance(Duration::from_secs(1));
        thread::yield_now();
    }
    stage.finish();
}
