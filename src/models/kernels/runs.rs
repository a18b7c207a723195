//! What may happen to a session while its run ends, starts or is on its way.

use std::time::Duration;

use super::stage::{Stage, fate, join};
use crate::lane::{Hands, Orphan, Staff};
use crate::session::{Open, SlotState, Withdrawn};
use crate::sync::Arc;
use crate::{Cause, Fate, Message, Mode, Priority, Verdict};

/// Two steers against a run that looks once and ends: delivered, or a turn of its own.
pub(super) fn p5_steer_meets_finish() {
    let stage = Stage::new(1, |run| {
        if run.boundary() == Verdict::Steer {
            run.take_steers().commit()?;
        }
        Ok("done".into())
    });
    let head = stage.submit("k", "head");
    let steer = |stage: &Stage, text: &str| {
        let cell = stage.send("k", text, Mode::Steer);
        assert!(matches!(fate(&cell), Fate::Ran | Fate::Steered));
        let started = stage.texts().iter().any(|seen| seen == text);
        assert_eq!(started, fate(&cell) == Fate::Ran, "P5: delivered, or a turn of its own");
    };
    let other = stage.go(move |stage| steer(&stage, "a"));
    steer(&stage, "b");
    join(other);
    assert_eq!(fate(&head), Fate::Ran);
    stage.finish();
}

/// A stop and a message that interrupts, against a run that ends by itself.
pub(super) fn p6_interrupt_meets_finish() {
    let stage = Stage::new(2, |run| match run.boundary() {
        Verdict::Stop(_) => Err("stopped".into()),
        _ => Ok("done".into()),
    });
    let head = stage.submit("k", "head");
    let other = stage.go(|stage| {
        let (shared, session) = (&stage.shared, stage.session("k"));
        let _ = shared
            .transition(&session, shared.now(), |m, cx| m.interrupt(None, Cause::Interrupt, cx));
    });
    let urgent = stage.send("k", "now", Mode::Interrupt);
    assert_eq!((fate(&head), fate(&urgent)), (Fate::Ran, Fate::Ran));
    join(other);
    stage.finish();
}

/// What is withdrawn never starts; its ticket does no harm.
pub(super) fn p4_withdraw_meets_start() {
    let stage = Stage::new(2, |_| Ok("done".into()));
    let cell = stage.submit("k", "a");
    let (mine, session) = (Arc::clone(&cell), stage.session("k"));
    let other = stage.go(move |stage| {
        let shared = &stage.shared;
        let answer = shared.transition(&session, shared.now(), |m, cx| m.withdraw(&mine, cx));
        let withdrawn = fate(&mine) == Fate::Withdrawn;
        assert_eq!(answer == Withdrawn::Withdrawn, withdrawn, "{answer:?}");
    });
    assert_eq!(fate(&stage.submit("k", "b")), Fate::Ran);
    join(other);
    let started = stage.texts().iter().any(|text| text == "a");
    assert_eq!(started, fate(&cell) == Fate::Ran, "P4");
    stage.finish();
}

/// As the engine abandons a run, up to the call for somebody in its worker's place.
fn abandon(stage: &Stage) {
    let (shared, session) = (&stage.shared, stage.session("k"));
    let Some(run) = session.lock().machine.live().map(|live| live.id) else { return };
    let (key, lane) = (Arc::clone(&session.key), Arc::clone(&stage.door.name));
    let since = std::time::Instant::now();
    stage.staff.enter_orphan(Orphan { run, hands: Hands::Worker, key, lane, since });
    session.ended(run.get());
    let gone =
        shared.transition(&session, shared.now(), |m, cx| m.abandon(run, Cause::Abandon, cx));
    let Some(gone) = gone else {
        stage.staff.strike_orphan(run);
        return;
    };
    assert_eq!(gone.slot, SlotState::Held);
    Staff::count_out(&stage.door);
    let call = stage.door.gate.leave();
    shared.answer_call(&stage.door, call);
}

/// A run that is abandoned while it ends: one fate, one slot, and the session goes on.
pub(super) fn p1_abandon_meets_finish() {
    let stage = Stage::lax(1, |run| {
        let _ = run.end().map(drop);
        Ok("done".into())
    });
    let head = stage.submit("k", "head");
    let other = stage.go(|stage| abandon(&stage));
    let next = stage.submit("k", "next");
    assert_eq!((fate(&head), fate(&next)), (Fate::Ran, Fate::Ran));
    join(other);
    stage.finish();
}

/// The time of a message is over while a worker claims it.
pub(super) fn p4_timer_meets_claim() {
    let stage = Stage::new(1, |_| Ok("done".into()));
    let other = stage.go(|stage| {
        stage.clock.turn(Duration::from_secs(2));
        while let Some((at, what)) = stage.shared.timer.pop_due() {
            stage.shared.fire(at, what);
        }
    });
    let message = Message::new("k", "a").with_mode(Mode::Followup);
    let short = stage.admit(message.with_ttl(Duration::from_secs(1))).expect("there is room");
    let long = stage.submit("k", "b");
    assert!(matches!(fate(&short), Fate::Ran | Fate::Expired));
    assert_eq!(fate(&long), Fate::Ran);
    join(other);
    let started = stage.texts().iter().any(|text| text == "a");
    assert_eq!(started, fate(&short) == Fate::Ran, "P4");
    stage.finish();
}

/// Whoever was let in before the door shut is waited for; nobody comes in behind.
pub(super) fn p4_drain_meets_submit() {
    let stage = Stage::new(1, |_| Ok("done".into()));
    let drains = stage.go(|stage| {
        let shared = &stage.shared;
        shared.shut(Open::Draining);
        shared.table.for_each(|session| {
            shared.transition(session, shared.now(), |m, cx| (m.notice_door(cx), ()));
        });
        assert!(shared.wait_settled(None, || shared.pending.taken() == 0));
        shared.table.for_each(|session| {
            assert_eq!(session.lock().machine.pending(), 0, "P4: a drain leaves nothing");
        });
    });
    let message = |text: &str| Message::new("k", text).with_mode(Mode::Collect);
    let cells = [stage.admit(message("a")), stage.admit(message("b"))];
    join(drains);
    for cell in cells.into_iter().flatten() {
        let told = cell.telling.get().map(|told| told.fate);
        assert_eq!(told, Some(Fate::Ran), "P4: accepted, and finished by the drain");
    }
    stage.finish();
}

/// A message that raises the priority brings a second ticket; it is withdrawn again.
pub(super) fn p4_a_misfit_ticket_leaves_nobody_behind() {
    let stage = Stage::new(2, |_| Ok("done".into()));
    let other = stage.go(|stage| {
        let message = Message::new("k", "a").with_mode(Mode::Followup);
        let cell = stage.admit(message.with_priority(Priority::Foreground)).expect("there is room");
        let (shared, session) = (&stage.shared, stage.session("k"));
        let _ = shared.transition(&session, shared.now(), |m, cx| m.withdraw(&cell, cx));
        assert!(matches!(fate(&cell), Fate::Ran | Fate::Withdrawn));
    });
    assert_eq!(fate(&stage.submit("k", "b")), Fate::Ran);
    join(other);
    stage.finish();
}
