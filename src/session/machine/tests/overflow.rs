//! The cap of a session: who gives way, who is refused, and what is left of the dropped. P9.

use super::desk::Desk;
use super::order::drain;
use super::spec::{collect, followup, interrupt, steer, steer_backlog};
use crate::model::{Drop, Fate, Priority, Reason};
use crate::session::machine::Phase;
use crate::session::next::Note;
use crate::watch::Placement;

fn full(drop: Drop, cap: u32) -> Desk {
    Desk::with(|queue| (queue.drop, queue.cap) = (drop, cap))
}

#[test]
fn p9_new_refuses_the_newcomer_and_changes_nothing() {
    let mut desk = full(Drop::New, 1);
    desk.running(&followup());
    desk.put(&followup());
    for spec in [followup(), collect(), steer(), steer_backlog(), interrupt()] {
        let refused = desk.offer(&spec).expect_err("the session is full");
        assert_eq!(refused.reason, Reason::Full);
    }
    assert_eq!(desk.stopped(), None, "a refused interrupt stops nothing");
    desk.done();
    assert_eq!(drain(&mut desk), [[1]]);
}

#[test]
fn p9_old_drops_the_oldest_of_the_newcomers_route_and_authority() {
    let mut desk = full(Drop::Old, 4);
    desk.running(&followup());
    let others = [desk.put(&followup().by("b")), desk.put(&followup().from("irc"))];
    let (oldest, younger) = (desk.put(&followup()), desk.put(&collect()));
    desk.put(&followup());
    assert_eq!(desk.fate(oldest), Some(Fate::Dropped));
    assert_eq!(desk.fates.len(), 1, "one victim for each newcomer: {younger} stays");
    assert!(others.iter().all(|n| desk.fate(*n).is_none()));
    desk.done();
    assert_eq!(desk.start().summary_of, 0, "old keeps no line");
}

#[test]
fn p4_a_head_that_gives_way_leaves_the_next_with_a_ticket() {
    for head in [followup().lane(1), followup().priority(Priority::Foreground)] {
        let mut desk = full(Drop::Old, 3);
        desk.put(&head);
        for _ in 0..3 {
            desk.put(&followup());
        }
        assert_eq!((desk.fate(0), desk.phase()), (Some(Fate::Dropped), Phase::Ready));
        assert_eq!(drain(&mut desk), [[1], [2], [3]]);
    }
}

#[test]
fn p9_without_a_victim_the_newcomer_is_refused_full() {
    let mut desk = full(Drop::Summarize, 2);
    desk.running(&followup());
    desk.put(&followup().by("b"));
    desk.put(&followup().from("irc"));
    for spec in [followup(), steer(), interrupt(), followup().by("b").from("irc")] {
        let refused = desk.offer(&spec).expect_err("nobody may give way");
        assert_eq!(refused.reason, Reason::Full);
    }
    assert_eq!((desk.stopped(), desk.fates.len()), (None, 0));
}

#[test]
fn p9_pending_taken_and_promoted_steers_count_and_are_never_victims() {
    let mut desk = full(Drop::Old, 2);
    let run = desk.running(&followup());
    desk.put(&steer());
    desk.put(&steer_backlog());
    assert!(desk.offer(&followup()).is_err(), "both wait in the inbox");
    let (guard, _) = desk.take(run, 1).expect("the run is live");
    assert!(desk.offer(&followup()).is_err(), "both are taken");
    desk.restore(run, guard);
    desk.done();
    assert!(desk.offer(&followup()).is_err(), "both are promoted: rank 1");
    // A delivered one is like any other that waits its turn.
    let mut desk = full(Drop::Old, 1);
    let run = desk.running(&followup());
    let both = desk.put(&steer_backlog());
    let (guard, _) = desk.take(run, 1).expect("the run is live");
    desk.commit(run, guard).expect("the guard is open");
    desk.put(&followup());
    assert_eq!(desk.fate(both), Some(Fate::Dropped));
}

#[test]
fn p9_an_interrupt_with_a_victim_is_admitted_and_interrupts_are_no_victims() {
    let mut desk = full(Drop::Old, 1);
    desk.running(&followup());
    let victim = desk.put(&followup());
    let urgent = desk.put(&interrupt());
    assert_eq!(desk.fate(victim), Some(Fate::Dropped));
    assert!(desk.stopped().is_some());
    assert!(desk.offer(&interrupt()).is_err());
    desk.fail();
    assert_eq!(drain(&mut desk), [[urgent]]);
}

#[test]
fn p9_summarize_keeps_lines_for_the_next_batch_of_that_route_and_authority() {
    let mut desk = full(Drop::Summarize, 2);
    desk.running(&followup().by("b"));
    desk.put(&followup());
    desk.put(&followup().by("b"));
    desk.put(&followup());
    desk.put(&followup());
    desk.put(&followup());
    desk.done();
    let begun = desk.start();
    assert_eq!((begun.batch.as_slice(), begun.summary_of), ([2].as_slice(), 0), "not its lines");
    desk.done();
    assert_eq!(desk.start().summary_of, 3, "more than the cap: the count stays true");
    assert_eq!(desk.run.as_ref().map(|(begun, _)| begun.batch.clone()), Some(vec![5]));
}

fn discarded(desk: &Desk) -> u32 {
    let count = |note: &Note| match note {
        Note::SummaryDiscarded { count } => *count,
        _ => 0,
    };
    desk.notes.iter().map(count).sum()
}

#[test]
fn p9_stop_close_and_idleness_discard_the_lines_and_say_how_many() {
    let ends: [fn(&mut Desk); 3] = [
        |desk| {
            desk.stop();
        },
        |desk| {
            desk.close(crate::model::Cause::Close);
        },
        |desk| {
            desk.withdraw(2);
            desk.done();
        },
    ];
    for end in ends {
        let mut desk = full(Drop::Summarize, 1);
        desk.running(&followup());
        desk.put(&followup());
        desk.put(&followup());
        end(&mut desk);
        assert_eq!(discarded(&desk), 1);
    }
}

#[test]
fn p9_closures_have_a_cap_of_their_own_and_are_no_victims() {
    let mut desk = full(Drop::Old, 1);
    desk.put_closure();
    desk.put_closure();
    desk.put_closure();
    assert!(desk.offer_closure(&followup()).is_err_and(|r| r.reason == Reason::Full));
    let landed = desk.offer(&followup()).expect("closures do not count");
    assert_eq!(landed.placement, Placement::Queued);
    desk.put(&followup());
    assert_eq!(desk.fate(3), Some(Fate::Dropped));
    assert_eq!(drain(&mut desk), [[0], [1], [2], [4]], "they share one order");
    assert_eq!(desk.phase(), Phase::Idle);
}

/// "Busy" is any phase but Idle: what expired before the newcomer came keeps nobody busy.
#[test]
fn p4_a_newcomer_after_the_last_expired_is_scheduled() {
    let mut desk = Desk::new();
    desk.put(&followup().ttl(5));
    assert_eq!(desk.phase(), Phase::Ready);
    desk.pass_unnoticed(5);
    let landed = desk.offer(&followup()).expect("there is room");
    assert_eq!(landed.placement, Placement::Scheduled);
}
