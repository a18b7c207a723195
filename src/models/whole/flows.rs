//! Races of lanes, tickets, the table, the timer and the end.

use std::time::Duration;

use super::stage::{EVER, Stage, config, join};
use crate::sync::thread;
use crate::{Config, Message, Mode, Priority};

/// Workers that go to sleep, wake up and leave, against tickets that come one at a time.
pub(super) fn p3_release_meets_quit() {
    let stage = Stage::with(config(&[("main", 2)]), |_, _, _| Ok("done".into()));
    let producer = |name: &'static str| {
        stage.go(move |stage| {
            for _ in 0..2 {
                let receipt = stage.send(Message::new(name, "x")).expect("there is room");
                let _ = receipt.wait().expect("a host thread");
                stage.fire(None);
            }
        })
    };
    join([producer("a"), producer("b")]);
    stage.send(Message::new("a", "last"));
    stage.all_settle();
    stage.finish();
}

/// Lanes and priorities that change at the head, messages that go: the tickets left behind stop
/// nobody, and nothing waits without one.
pub(super) fn p4_misfit_tickets_do_no_harm() {
    let stage = Stage::with(config(&[("main", 1), ("side", 1)]), |_, _, _| Ok("done".into()));
    let producer = |lane: &'static str, priority: Priority| {
        stage.go(move |stage| {
            let message = || Message::new("k", lane).with_lane(lane);
            let first = stage.send(message()).expect("there is room");
            stage.send(message().with_priority(priority));
            let _ = stage.engine.withdraw(&first);
            stage.send(message().with_mode(Mode::Interrupt));
        })
    };
    let threads = [producer("main", Priority::Foreground), producer("side", Priority::Background)];
    join(threads);
    stage.all_settle();
    stage.finish();
}

/// Sessions that go with the sweep or with the next insert, against messages for them.
pub(super) fn p10_retirement_meets_arrival() {
    let stage = Stage::with(config(&[("main", 2)]), |_, _, _| Ok("done".into()));
    let producer = |other: &'static str| {
        stage.go(move |stage| {
            for key in ["k", other, "k"] {
                let receipt = stage.send(Message::new(key, "x")).expect("there is room");
                if thread::roll(2) == 0 {
                    let _ = receipt.wait().expect("a host thread");
                }
            }
        })
    };
    let sweeps = stage.go(|stage| (0..3).for_each(|_| stage.engine.advance(SWEEPS)));
    join([producer("a"), producer("b"), sweeps]);
    stage.all_settle();
    stage.finish();
}

/// Enough for a round of the sweep that reaches a model's only shard.
const SWEEPS: Duration = Duration::from_millis(60 * 16);

/// What is accepted before the door shuts is finished, and the rest is refused: nothing between.
pub(super) fn p4_drain_meets_submit() {
    let stage = Stage::with(config(&[("main", 2)]), |_, _, _| Ok("done".into()));
    let producer = |name: &'static str| {
        stage.go(move |stage| {
            for _ in 0..2 {
                stage.send(Message::new(name, "x").with_mode(Mode::Collect));
                stage.fire(Some("k"));
            }
        })
    };
    let drains = stage.go(|stage| {
        let report = stage.engine.drain(EVER).expect("a host thread");
        assert!(report.complete && report.returned.is_empty(), "P4: {report:?}");
        assert_eq!(stage.engine.audit().pending, 0, "P4: a drain leaves nothing");
    });
    join([producer("k"), producer("j"), drains]);
    assert!(stage.engine.submit(Message::new("k", "late")).is_err(), "it does not open again");
    stage.finish();
}

/// A message that is too large takes room for a moment: a drain that sees it there hears of the
/// refusal.
pub(super) fn p4_drain_meets_refusal() {
    let mut small = config(&[("main", 2)]);
    small.limits.max_bytes = 1024;
    let stage = Stage::with(small, |_, _, _| Ok("done".into()));
    let producer = |name: &'static str| {
        stage.go(move |stage| {
            stage.send(Message::new(name, "x"));
            for _ in 0..2 {
                let refused = stage.send(Message::new(name, "x".repeat(2048)));
                assert!(refused.is_none(), "there is no room for it");
            }
        })
    };
    let drains = stage.go(|stage| {
        let report = stage.engine.drain(EVER).expect("a host thread");
        assert!(report.complete && report.returned.is_empty(), "P4: {report:?}");
    });
    join([producer("k"), producer("j"), drains]);
    stage.finish();
}

/// A close in the middle of everything: what had not started comes home.
pub(super) fn p12_close_meets_submit() {
    let stage = Stage::with(config(&[("main", 2)]), |run, _, _| match run.boundary() {
        crate::Verdict::Stop(_) => Err("stopped".into()),
        _ => Ok("done".into()),
    });
    let producer = |key: &'static str| {
        stage.go(move |stage| {
            for _ in 0..2 {
                stage.send(Message::new(key, "x").with_attempts(2));
                stage.fire(None);
            }
        })
    };
    let closes = stage.go(|stage| drop(stage.engine.close(EVER)));
    join([producer("a"), producer("b"), closes]);
    stage.finish();
}

/// Windows, times to live, deadlines and retries that come due while workers claim.
pub(super) fn p4_timer_meets_claim() {
    let second = Duration::from_secs(1);
    let config = Config { ..config(&[("main", 2)]) }.with_queue(|queue| queue.attempts = 2);
    let stage = Stage::with(config, |run, _, _| match (run.attempt(), run.boundary()) {
        (1, crate::Verdict::Go) => Err("planned failure".into()),
        _ => Ok("done".into()),
    });
    let producer = |name: &'static str| {
        stage.go(move |stage| {
            stage.send(Message::new("k", name).with_ttl(2 * Duration::from_secs(1)));
            stage.send(Message::new("k", name).with_mode(Mode::Collect));
            stage.send(Message::new("j", name).with_deadline(Duration::from_secs(1)));
        })
    };
    let turns = stage.go(move |stage| (0..3).for_each(|_| stage.engine.advance(second)));
    join([producer("a"), producer("b"), turns]);
    // Backoffs that began after the last turn.
    while stage.engine.audit().pending > 0 {
        stage.engine.advance(second);
        thread::yield_now();
    }
    stage.all_settle();
    stage.finish();
}
