//! What observers and statistics are told of admissions, starts and losses: each with its figures.

use super::calls::failed;
use super::desk::{Desk, Fired, Job};
use super::spec::{collect, followup, ms, steer};
use crate::model::{Cause, Drop, Fate, LaneId, Priority, RunId};
use crate::session::machine::{Door, End, Finished, Machine, Origin, Phase, Ticketed, Verdict};
use crate::session::next::{Alarm, Next, Note, Tag};
use crate::sync::Arc;
use crate::time::Moment;
use crate::watch::Placement;

/// One note in words; nothing for those that other tests read.
fn word(note: &Note) -> Option<String> {
    Some(match note {
        Note::Accepted { cell, placement, position, .. } => {
            format!("{} is {placement:?} at {position}", cell.standing.number())
        }
        Note::Queued { cell, depth } => format!("{} is one of {depth}", cell.standing.number()),
        Note::ClosureAccepted { number, placement, position, .. } => {
            format!("closure {number} is {placement:?} at {position}")
        }
        Note::ClosureFate { number, fate, run, .. } => {
            format!("closure {number} {fate:?} in {}", run.map_or(0, RunId::get))
        }
        Note::Dequeued { wait, .. } => format!("waited {}", wait.as_millis()),
        Note::WaitExceeded { wait, .. } => format!("too long {}", wait.as_millis()),
        Note::SummaryDiscarded { count } => format!("{count} lines discarded"),
        Note::Stuck { age, .. } => format!("stuck for {}", age.as_millis()),
        Note::Idle => "idle".to_owned(),
        _ => return None,
    })
}

fn words<C>(next: &Next<C>) -> Vec<String> {
    next.list.iter().flat_map(|list| &list.notes).filter_map(word).collect()
}

impl Desk {
    /// What was told since the last time.
    fn told(&mut self) -> Vec<String> {
        self.notes.drain(..).filter_map(|note| word(&note)).collect()
    }
}

fn ticket(tag: Tag, desk: &Desk) -> Ticketed {
    let (issued, inbox) = (Some(desk.world.now), desk.inbox);
    Ticketed { tag, issued, warning: ms(100), inbox, deadline: None }
}

#[test]
fn an_admission_is_told_with_how_many_are_before_it() {
    let mut desk = Desk::new();
    desk.put(&followup());
    assert_eq!(desk.told(), ["0 is Scheduled at 0"]);
    desk.put(&followup());
    assert_eq!(desk.told(), ["1 is Queued at 1", "1 is one of 2"]);
    desk.put_closure();
    assert_eq!(desk.told(), ["closure 2 is Queued at 2"]);
    let landed = desk.offer(&followup()).expect("there is room");
    assert_eq!((landed.position, landed.placement), (3, Placement::Queued));
    assert_eq!(desk.told(), ["3 is Queued at 3", "3 is one of 3"], "a closure is no message");
}

#[test]
fn what_comes_to_a_crowded_lane_is_told_as_queued_though_it_is_its_sessions_first() {
    let mut desk = Desk::new();
    for (spec, told) in [(followup(), 2), (steer(), 1)] {
        let cell = spec.crowded().cell(desk.world.now);
        let (next, landed) = desk.machine.admit(&cell, Origin::Outside, &desk.world.cx());
        assert!(landed.is_ok());
        assert_eq!(words(&next).len(), told, "{:?}", words(&next));
        if let Some(tag) = next.ticket {
            let ticket = ticket(tag, &desk);
            let (run, mut place) = (RunId::new(1), None);
            let _ = desk.machine.claim(&ticket, run, &mut place, &desk.world.cx());
            assert!(place.is_some());
        }
    }
}

#[test]
fn the_leading_window_holds_its_first_message_back() {
    let mut desk = Desk::new();
    desk.world.inbound.debounce = ms(50);
    desk.put(&collect());
    assert!(desk.has_window());
    assert_eq!(desk.told(), ["0 is Queued at 0", "0 is one of 1"]);
}

#[test]
fn a_wait_in_the_lane_is_told_and_a_warning_said_only_beyond_the_limit() {
    for (waited, told) in [(100, &["waited 100"][..]), (101, &["waited 101", "too long 101"])] {
        let mut desk = Desk::new();
        desk.put(&followup());
        let ticket = ticket(desk.out[0], &desk);
        desk.pass(waited);
        let (run, mut place) = (RunId::new(1), None);
        let next = desk.machine.claim(&ticket, run, &mut place, &desk.world.cx());
        assert!(place.is_some());
        assert_eq!(words(&next), told);
    }
}

#[test]
fn a_ticket_that_was_discarded_is_out_no_more() {
    let mut desk = Desk::new();
    desk.put(&followup());
    let tag = desk.out[0];
    desk.machine.recall_ticket(tag);
    assert_eq!(desk.machine.tickets_out(), 0);
}

/// P6.
#[test]
fn p6_a_closure_of_a_lane_with_a_deadline_is_stopped_then() {
    let mut desk = Desk::new();
    desk.lane_deadline = Some(5);
    desk.put_closure();
    desk.start();
    desk.pass(5);
    assert_eq!(desk.stopped(), Some(Cause::Deadline));
}

#[test]
fn the_end_of_a_run_carries_its_error() {
    let panicked = End::Panicked { error: "boom".into() };
    for (end, error) in [(failed(), Some("no")), (panicked, Some("boom")), (End::Done(None), None)]
    {
        let mut desk = Desk::new();
        let run = desk.running(&followup());
        let (_, finished) = desk.machine.finish(RunId::new(run), &end, None, &desk.world.cx());
        let Finished::Ended(ended) = finished else { panic!("it was live") };
        assert_eq!(ended.error.as_deref(), error);
    }
}

/// P4.
#[test]
fn p4_an_abandoned_closure_has_its_fate_whether_anybody_asks_or_not() {
    let mut desk = Desk::new();
    desk.put_closure();
    let run = desk.start().run;
    desk.told();
    assert!(desk.abandon(run, Cause::Abandon));
    assert_eq!(desk.fate(0), Some(Fate::Ran));
    assert_eq!(desk.told(), ["closure 0 Ran in 1", "idle"]);

    let mut machine = Machine::<Fired>::new(0);
    let tag = desk.fire_into(&mut machine).ticket.expect("it was idle");
    let run = RunId::new(7);
    let mut place = None;
    let _ = machine.claim(&ticket(tag, &desk), run, &mut place, &desk.world.cx());
    assert!(place.is_some());
    let (next, gone) = machine.abandon(run, Cause::Abandon, &desk.world.cx());
    assert!(gone.is_some() && machine.balances());
    assert_eq!(words(&next), ["closure 0 Ran in 7", "idle"]);
    assert_eq!(next.list.map(|list| list.lost_closures), Some(vec![Fate::Ran]));
}

#[test]
fn one_closure_in_sixteen_reads_the_clock_and_each_where_something_may_be_due() {
    let desk = Desk::new();
    let mut machine = Machine::<Fired>::new(0);
    let drawn: Vec<_> = (0..40).filter(|n| (machine.accepted = *n, machine.is_drawn()).1).collect();
    assert_eq!(drawn, [0, 16, 32]);
    machine.accepted = 1;
    assert!(!machine.wants_clock(&Fired));
    machine.set_own(Some(Box::default()));
    assert!(machine.wants_clock(&Fired), "there may be something due");

    let mut machine = Machine::<Fired>::new(0);
    assert!(machine.wants_clock(&Fired), "it is drawn");
    drop(desk.fire_into(&mut machine));
    assert!(!machine.wants_clock(&Fired), "one at a time");
}

#[test]
fn a_closure_with_a_receipt_is_timed_where_it_meets_no_other() {
    let mut machine = Machine::<Job>::new(1);
    let job = || Job(Arc::default());
    assert!(machine.wants_clock(&job()));
    let (origin, priority) = (Origin::Outside, Priority::Normal);
    let desk = Desk::new();
    let (_, landed) =
        machine.admit_closure(&mut Some(job()), LaneId(0), priority, origin, &desk.world.cx());
    assert!(landed.is_ok() && machine.timed_from.take().is_some());
    machine.accepted = 2;
    assert!(!machine.wants_clock(&job()), "another waits before it");
}

#[test]
fn idle_is_told_once_and_lines_that_go_only_where_there_are_any() {
    let mut desk = Desk::with(|queue| (queue.drop, queue.cap) = (Drop::Summarize, 1));
    desk.running(&followup());
    desk.put(&followup());
    desk.put(&followup());
    desk.told();
    desk.withdraw(2);
    desk.done();
    assert_eq!(desk.told(), ["1 lines discarded", "idle"]);
    desk.machine.set_own(Some(Box::default()));
    desk.shut(Door::Draining);
    assert_eq!(desk.told(), [""; 0], "nothing has changed");
}

#[test]
fn nothing_is_told_where_nobody_listens() {
    let mut desk = Desk::with(|queue| (queue.drop, queue.cap) = (Drop::Summarize, 1));
    let run = desk.running(&followup());
    desk.put(&followup());
    desk.put(&followup());
    desk.withdraw(2);
    let mut cx = desk.world.cx();
    cx.listening = false;
    let (next, _) = desk.machine.finish(RunId::new(run), &End::Done(None), None, &cx);
    assert_eq!((desk.machine.phase(), words(&next)), (Phase::Idle, Vec::new()));
    let notes = next.list.map_or(0, |list| list.notes.len());
    assert_eq!(notes, 0);
}

/// P9: one entry of the timer, never later than what is due first.
#[test]
fn p9_a_timer_entry_is_replaced_only_by_an_earlier_one() {
    let mut desk = Desk::new();
    let run = desk.running(&followup());
    let at = |millis: u64| Moment::START.plus(ms(millis));
    let armed = [
        (50, Alarm::Arm(at(50))),
        (80, Alarm::Leave),
        (20, Alarm::Rearm(at(20))),
        (20, Alarm::Leave),
    ];
    for (ttl, alarm) in armed {
        let cell = followup().ttl(ttl).cell(desk.world.now);
        let (next, landed) = desk.machine.admit(&cell, Origin::Outside, &desk.world.cx());
        assert!(landed.is_ok());
        assert_eq!(next.alarm, alarm);
    }
    let (_, halted) = desk.machine.stop(&desk.world.cx());
    assert_eq!(halted.withdrawn, 4);
    let (next, _) = desk.machine.finish(RunId::new(run), &End::Done(None), None, &desk.world.cx());
    assert_eq!((next.alarm, desk.machine.armed()), (Alarm::GiveUp, None));
}

/// P9: what has started long before its time was over does not pile up beside what waits.
#[test]
fn p9_the_heap_of_expiries_has_twice_what_waits_and_some_more() {
    let mut desk = Desk::with(|queue| queue.cap = 100);
    let spec = followup().ttl(1_000_000);
    (0..3).for_each(|_| assert!(desk.offer(&spec).is_ok()));
    let mut most = 0;
    for _ in 0..300 {
        desk.put(&spec);
        desk.start();
        desk.done();
        let expiries = desk.machine.extra.as_deref().map_or(0, |extra| extra.expiries.len());
        most = most.max(expiries);
    }
    assert_eq!(most, 2 * 4 + 64, "four wait at the most");
}

#[test]
fn a_boundary_is_told_to_go_on_to_take_a_steer_or_to_stop() {
    let mut desk = Desk::new();
    let run = RunId::new(desk.running(&followup()));
    let verdict = |desk: &mut Desk| {
        let verdict = desk.machine.verdict(run, &desk.world.cx()).expect("it is live");
        (verdict, verdict.as_str())
    };
    assert_eq!(verdict(&mut desk), (Verdict::Go, "go"));
    desk.put(&steer());
    assert_eq!(verdict(&mut desk), (Verdict::Steer, "steer"));
    desk.interrupt(None);
    assert_eq!(verdict(&mut desk), (Verdict::Stop(Cause::Interrupt), "stop"));
}

fn stuck(desk: &mut Desk) -> Vec<String> {
    words(&desk.machine.look_for_stuck(ms(100), ms(20), &desk.world.cx()))
}

#[test]
fn a_run_without_a_sign_of_life_is_told_stuck_once_for_each_span() {
    let mut desk = Desk::new();
    let run = RunId::new(desk.running(&followup()));
    desk.pass(99);
    assert_eq!(stuck(&mut desk), [""; 0]);
    desk.pass(1);
    assert_eq!(stuck(&mut desk), ["stuck for 100"]);
    desk.pass(99);
    assert_eq!(stuck(&mut desk), [""; 0]);
    desk.pass(1);
    assert_eq!(stuck(&mut desk), ["stuck for 200"]);
    desk.pass(90);
    assert_eq!(desk.machine.verdict(run, &desk.world.cx()), Ok(Verdict::Go));
    desk.pass(99);
    assert_eq!(stuck(&mut desk), [""; 0], "it was at a boundary");
    desk.pass(1);
    assert_eq!(stuck(&mut desk), ["stuck for 390"]);
}

/// P12.
#[test]
fn p12_a_run_past_its_deadline_and_its_grace_is_told_stuck_once_but_not_one_that_is_stopped() {
    let mut desk = Desk::new();
    desk.running(&followup().deadline(10));
    desk.pass(29);
    assert_eq!((desk.stopped(), stuck(&mut desk)), (Some(Cause::Deadline), Vec::new()));
    desk.pass(1);
    assert_eq!(stuck(&mut desk), ["stuck for 30"]);
    desk.pass(40);
    assert_eq!(stuck(&mut desk), [""; 0]);

    let mut desk = Desk::new();
    desk.running(&followup());
    desk.interrupt(None);
    desk.pass(60);
    assert_eq!(stuck(&mut desk), [""; 0], "nobody gave it a time");
}
