//! What a run has beside its messages: waits and the slot it lends, a token, whoever listens to it.

use super::desk::Desk;
use super::spec::{followup, steer};
use crate::model::{Cause, Error, RunId};
use crate::session::live::{Inbox, OpenCalls, Regained, SlotState};
use crate::session::next::Next;
use crate::session::telling::{Wake, Watch};
use crate::session::token::{Cancelled, Token};
use crate::sync::{Arc, Mutex};

/// Somebody who listens, and what he heard.
#[derive(Default)]
struct Ear(Mutex<Vec<Wake>>);

impl Watch for Ear {
    fn wake(&self, why: Wake) {
        self.0.lock().push(why);
    }
}

impl OpenCalls for Ear {
    fn open_calls(&self) -> Vec<Arc<str>> {
        vec!["shell".into()]
    }
}

fn running() -> (Desk, RunId) {
    let mut desk = Desk::new();
    let run = desk.running(&followup());
    (desk, RunId::new(run))
}

fn steered<C>(next: &Next<C>) -> bool {
    let wakes = next.list.iter().flat_map(|list| &list.wakes);
    wakes.map(|(_, why)| *why).collect::<Vec<_>>() == [Wake::Steer]
}

/// P8.
#[test]
fn p8_a_run_lends_its_slot_with_its_first_wait_and_has_it_again_after_its_last() {
    let (mut desk, run) = running();
    let regained = |desk: &mut Desk| {
        let regained = desk.machine.regain(run).expect("it is live");
        matches!(regained, Regained::Held(None))
    };
    assert!(!regained(&mut desk), "it has it");
    assert_eq!(desk.machine.lend(run), Ok(SlotState::Held));
    assert_eq!(desk.machine.lend(run), Ok(SlotState::Lent));
    assert_eq!(desk.machine.wait_over(run), Ok(1));
    assert!(!regained(&mut desk), "the other wait goes on");
    assert_eq!(desk.machine.wait_over(run), Ok(0));
    assert!(regained(&mut desk));
    assert!(!regained(&mut desk), "once");
}

/// P8: waits are numbered, so that nobody takes the end of one for that of the next.
#[test]
fn p8_whoever_hears_of_waits_hears_the_number_of_the_last_that_has_begun() {
    let (mut desk, run) = running();
    assert!(desk.machine.blocks(run).is_none(), "nobody hears of it");
    let ear = Arc::new(Ear::default());
    let heard = || Arc::clone(&ear) as Arc<dyn Watch>;
    assert_eq!(desk.machine.heard_by(run, heard()), Ok(1));
    assert_eq!(desk.machine.heard_by(run, heard()), Ok(2));
    let (by, number) = desk.machine.blocks(run).expect("somebody hears of it");
    by.wake(Wake::Blocks(number));
    assert_eq!(desk.machine.blocks(run).map(|(_, number)| number), Some(4));
    assert_eq!(desk.machine.lend(run), Ok(SlotState::Held));
    assert_eq!(desk.machine.wait_over(run), Ok(0));
    match desk.machine.regain(run) {
        Ok(Regained::Held(Some(waited))) => waited.tell(),
        _ => panic!("it waits no more"),
    }
    assert_eq!(*ear.0.lock(), [Wake::Blocks(3), Wake::Waited(4)]);
}

#[test]
fn nothing_is_done_for_a_run_that_is_not_live() {
    let (mut desk, _) = running();
    let ear = Arc::new(Ear::default());
    let machine = &mut desk.machine;
    let stranger = RunId::new(1_000);
    let stale = Error::Stale(stranger);
    assert_eq!(machine.lend(stranger), Err(stale.clone()));
    assert_eq!(machine.wait_over(stranger), Err(stale.clone()));
    assert_eq!(machine.regain(stranger).err(), Some(stale.clone()));
    assert_eq!(machine.heard_by(stranger, Arc::clone(&ear) as _), Err(stale.clone()));
    assert!(machine.blocks(stranger).is_none());
    assert_eq!(machine.token(stranger, Token::new()).err(), Some(stale.clone()));
    assert_eq!(machine.watch(stranger, Arc::clone(&ear) as _).err(), Some(stale.clone()));
    assert_eq!(machine.set_calls(stranger, ear), Err(stale));
}

/// P6.
#[test]
fn p6_a_run_has_one_token_and_whoever_asks_late_learns_of_the_stop() {
    let (mut desk, run) = running();
    let fresh = Token::new();
    let (token, cause) = desk.machine.token(run, fresh.clone()).expect("it is live");
    assert_eq!(cause, None);
    desk.interrupt(None);
    let (again, cause) = desk.machine.token(run, Token::new()).expect("it is live");
    assert_eq!(cause, Some(Cause::Interrupt));
    assert_eq!(again.cancel(Cause::Interrupt), Cancelled::Now);
    assert_eq!((token.cancelled(), fresh.cancelled()), (again.cancelled(), again.cancelled()));
}

/// P5, P6.
#[test]
fn a_late_listener_is_told_what_it_would_have_heard_and_replaces_the_one_before() {
    let (mut desk, run) = running();
    let ear = || Arc::new(Ear::default()) as Arc<dyn Watch>;
    let first = ear();
    let (missed, before) = desk.machine.watch(run, Arc::clone(&first)).expect("it is live");
    assert!(missed.is_empty() && before.is_none());
    desk.put(&steer());
    let (missed, before) = desk.machine.watch(run, ear()).expect("it is live");
    assert_eq!(missed, [Wake::Steer]);
    assert!(before.is_some_and(|before| Arc::ptr_eq(&before, &first)));
    desk.interrupt(None);
    let (missed, _) = desk.machine.watch(run, ear()).expect("it is live");
    assert_eq!(missed, [Wake::Stop(Cause::Interrupt)], "a stop beats a steer");
}

/// P5: what becomes visible again is said again.
#[test]
fn p5_a_listener_hears_of_steers_that_are_put_back_or_become_visible() {
    let (mut desk, run) = running();
    let (missed, _) = desk.machine.watch(run, Arc::new(Ear::default())).expect("it is live");
    assert!(missed.is_empty());
    desk.put(&steer());
    let (guard, _) = desk.take(run.get(), 1).expect("it is live");
    assert!(steered(&desk.machine.restore(run, guard, &desk.world.cx())));
    let (next, answer) = desk.machine.set_steerable(run, Inbox::Held);
    assert_eq!((answer, steered(&next)), (Ok(()), false), "held steers are invisible");
    let (next, answer) = desk.machine.set_steerable(run, Inbox::Open);
    assert_eq!((answer, steered(&next)), (Ok(()), true));
}

#[test]
fn whoever_asks_what_a_run_does_finds_its_open_calls() {
    let (mut desk, run) = running();
    desk.machine.set_calls(run, Arc::new(Ear::default())).expect("it is live");
    let calls = desk.machine.companions().calls.clone().expect("it has them");
    assert_eq!(*calls.open_calls(), [Arc::from("shell")]);
}
