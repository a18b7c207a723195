//! Every phase with every transition: what happens in the possible cells, and that the impossible
//! ones do not happen.

use super::calls::failed;
use super::desk::Desk;
use super::spec::{Spec, collect, followup, interrupt, steer, steer_backlog};
use crate::model::{Cause, Error, Fate, RunId};
use crate::session::live::Inbox;
use crate::session::machine::{Halted, Phase, Withdrawn};

const ALL: [Phase; 5] =
    [Phase::Idle, Phase::Collecting, Phase::Ready, Phase::Running, Phase::Backoff];

/// A desk in this phase. Run 1 was the last to start in all but Idle and Ready.
fn at(phase: Phase) -> Desk {
    let mut desk = Desk::new();
    match phase {
        Phase::Idle => {}
        Phase::Ready => {
            desk.put(&followup());
        }
        Phase::Running => {
            desk.running(&followup());
        }
        Phase::Collecting => {
            desk.running(&followup());
            desk.put(&collect());
            desk.done();
        }
        Phase::Backoff => {
            desk.running(&followup().attempts(2));
            desk.fail();
        }
    }
    assert_eq!(desk.phase(), phase);
    desk
}

/// The phase after a message of each kind was admitted in each phase.
#[test]
fn admission_leads_where_the_table_says() {
    use Phase::{Backoff, Ready, Running};
    let rows: [(Spec, [Phase; 5]); 5] = [
        (followup(), [Ready, Ready, Ready, Running, Backoff]),
        (collect(), [Ready, Phase::Collecting, Ready, Running, Backoff]),
        (steer(), [Ready, Ready, Ready, Running, Backoff]),
        (steer_backlog(), [Ready, Ready, Ready, Running, Backoff]),
        (interrupt(), [Ready, Ready, Ready, Running, Ready]),
    ];
    for (spec, expected) in rows {
        let found = ALL.map(|phase| {
            let mut desk = at(phase);
            desk.put(&spec);
            desk.phase()
        });
        assert_eq!(found, expected, "{spec:?}");
    }
    let found = ALL.map(|phase| {
        let mut desk = at(phase);
        desk.put_closure();
        desk.phase()
    });
    assert_eq!(found, [Ready, Ready, Ready, Running, Backoff], "a closure");
}

/// P1: only a ready session can be claimed; everywhere else the ticket is a misfit.
#[test]
fn p1_a_ticket_is_good_only_in_ready() {
    for phase in ALL {
        let mut desk = at(phase);
        // A ticket that is left over from before, as after a withdrawal.
        let tag = crate::session::next::Tag {
            lane: crate::model::LaneId(0),
            priority: crate::model::Priority::Normal,
        };
        if phase != Phase::Ready {
            desk.machine.tickets.add(tag);
            desk.out.push(tag);
        }
        assert_eq!(desk.redeem(tag).is_some(), phase == Phase::Ready, "{phase:?}");
        let after = if phase == Phase::Ready { Phase::Running } else { phase };
        assert_eq!(desk.phase(), after);
    }
}

/// Whatever a run calls is stale unless it is the live one, and then nothing has changed.
#[test]
fn p1_calls_of_a_run_that_is_not_live_are_stale_in_every_phase() {
    for phase in ALL {
        for run in [1, 7] {
            if phase == Phase::Running && run == 1 {
                continue;
            }
            let mut desk = at(phase);
            let stale = Error::Stale(RunId::new(run));
            assert_eq!(desk.come_back(run, &failed(), true), None);
            assert!(!desk.abandon(run, Cause::Abandon));
            assert_eq!(desk.take(run, 1), Err(stale.clone()));
            assert_eq!(desk.commit(run, 1), Err(stale.clone()));
            desk.restore(run, 1);
            assert_eq!(desk.end(run, 1), Err(stale.clone()));
            assert_eq!(desk.set_steerable(run, Inbox::Held), Err(stale.clone()));
            let verdict = desk.machine.verdict(RunId::new(run), &desk.world.cx());
            assert_eq!(verdict, Err(stale));
            assert_eq!(desk.phase(), phase);
        }
    }
}

#[test]
fn a_stop_empties_every_phase() {
    let expected = [(0, None), (1, None), (1, None), (0, Some(1)), (0, None)];
    for (phase, (withdrawn, run)) in ALL.into_iter().zip(expected) {
        let mut desk = at(phase);
        let halted = desk.stop();
        assert_eq!((halted.withdrawn, halted.run.map(RunId::get)), (withdrawn, run), "{phase:?}");
        let after = if phase == Phase::Running { Phase::Running } else { Phase::Idle };
        assert_eq!(desk.phase(), after);
        assert_eq!(desk.machine.pending(), u64::from(phase == Phase::Running));
    }
}

#[test]
fn the_control_interrupt_touches_only_a_run_and_a_retry() {
    for phase in ALL {
        let mut desk = at(phase);
        let halted = desk.interrupt(None);
        match phase {
            Phase::Running => assert_eq!(halted.run.map(RunId::get), Some(1)),
            Phase::Backoff => {
                assert_eq!(halted.retry.map(RunId::get), Some(1));
                assert_eq!((desk.fate(0), desk.phase()), (Some(Fate::Ran), Phase::Idle));
                continue;
            }
            _ => assert_eq!(halted, Halted::default()),
        }
        assert_eq!(desk.phase(), phase);
    }
}

#[test]
fn the_timer_moves_only_what_waits_for_it() {
    for phase in ALL {
        let mut desk = at(phase);
        let waits = matches!(phase, Phase::Collecting | Phase::Backoff);
        assert_eq!(desk.machine.armed().is_some(), waits, "{phase:?}");
        desk.pass(10_000);
        assert_eq!(desk.phase(), if waits { Phase::Ready } else { phase });
        // An entry that nobody waits for any more does nothing.
        let stale = crate::time::Moment::from_nanos(5);
        let next = desk.machine.fire(stale, &desk.world.cx());
        desk.act(next);
    }
}

#[test]
fn a_close_returns_what_waits_in_every_phase() {
    for phase in ALL {
        let mut desk = at(phase);
        desk.close(Cause::Close);
        let idle = phase != Phase::Running;
        assert_eq!(desk.phase() == Phase::Idle, idle);
        let last = desk.things.len().checked_sub(1).and_then(|n| desk.fate(n as u64));
        let expected = (idle && phase != Phase::Idle).then_some(Fate::Returned);
        assert_eq!(last, expected, "{phase:?}");
    }
}

#[test]
fn withdrawing_the_last_message_leads_to_idle() {
    for phase in ALL.into_iter().skip(1) {
        let mut desk = at(phase);
        let last = desk.things.len() as u64 - 1;
        let started = matches!(phase, Phase::Running | Phase::Backoff);
        let expected = if started { Withdrawn::Started } else { Withdrawn::Withdrawn };
        assert_eq!(desk.withdraw(last), expected);
        assert_eq!(desk.phase(), if started { phase } else { Phase::Idle });
    }
}

/// P10: an idle session keeps nothing but its books.
#[test]
fn p10_an_idle_session_has_no_extras_and_no_timer() {
    let mut desk = Desk::new();
    let run = desk.running(&followup().ttl(5000).deadline(5000));
    desk.put(&steer());
    desk.put(&collect().ttl(9000));
    desk.take(run, 1).expect("the run is live");
    desk.stop();
    desk.fail();
    assert_eq!(desk.phase(), Phase::Idle);
    assert!(desk.machine.extra.is_none() && desk.machine.armed().is_none());
}

/// The impossible cell: a second run beside a live one. The machine would rather stop the world.
#[test]
#[should_panic(expected = "P1: at most one live run")]
fn p1_a_start_beside_a_live_run_is_asserted() {
    let mut desk = at(Phase::Running);
    desk.put(&followup());
    let ticket = desk.ticket_of_run();
    let mut next = crate::session::next::Next::nothing();
    desk.machine.start(RunId::new(9), &ticket, &mut None, &desk.world.cx(), &mut next);
}

#[test]
#[should_panic(expected = "a run starts in the lane of its batch")]
fn p3_a_start_in_another_lane_is_asserted() {
    let mut desk = at(Phase::Running);
    let ticket = desk.ticket_of_run();
    desk.put(&followup().lane(1));
    desk.done();
    let mut next = crate::session::next::Next::nothing();
    desk.machine.start(RunId::new(9), &ticket, &mut None, &desk.world.cx(), &mut next);
}
