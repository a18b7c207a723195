//! Random steps: everything that hosts, workers, runs and the clock can do to a session.

use proptest::prelude::*;

use super::model_run::How;
use super::spec::Spec;
use crate::model::{Cause, Drop, Mode, Priority};
use crate::session::machine::Origin;

/// Which run a call names.
#[derive(Clone, Copy, Debug)]
pub(super) enum Which {
    Live,
    /// One that is not live: fenced, or never begun.
    Other,
}

/// Which guard a run lets go of.
#[derive(Clone, Copy, Debug)]
pub(super) enum Hold {
    Current,
    Stale,
}

/// A setting that changes between two transitions.
#[derive(Clone, Debug)]
pub(super) enum Knob {
    Cap(u32),
    Drop(Drop),
    Debounce(u64),
    Reset(bool),
    MaxBatch(u32),
    Mode(Mode),
    StopAuthority(bool),
    Steerable(bool),
    LaneDeadline(Option<u64>),
}

#[derive(Clone, Debug)]
pub(super) enum Step {
    Submit(Spec),
    Closure(Spec),
    /// A worker receives one of the tickets that are out.
    Claim(prop::sample::Index),
    ComeBack(Which, How, bool),
    Take(Which, usize),
    Commit(Which, Hold),
    Restore(Which, Hold),
    End(Which, usize),
    Hold(Which, bool),
    Stop,
    Interrupt(Option<Which>),
    Withdraw(prop::sample::Index),
    /// Time passes, and the timer keeps up.
    Pass(u64),
    /// Time passes, and the timer is late.
    PassUnnoticed(u64),
    Fire,
    OwnMode(Option<Mode>),
    Turn(Knob),
    Abandon(Which),
    Drain,
    /// The drain's deadline, or a close.
    Close(Cause),
}

fn mode() -> impl Strategy<Value = Mode> {
    prop_oneof![
        3 => Just(Mode::Followup),
        4 => Just(Mode::Collect),
        5 => Just(Mode::Steer),
        4 => Just(Mode::SteerBacklog),
        2 => Just(Mode::Interrupt),
    ]
}

fn spec() -> impl Strategy<Value = Spec> {
    let priority = prop_oneof![
        1 => Just(Priority::Background),
        5 => Just(Priority::Normal),
        1 => Just(Priority::Foreground),
    ];
    let who =
        prop_oneof![6 => Just(("", None)), 1 => Just(("b", None)), 1 => Just(("", Some("irc")))];
    let lane = prop_oneof![6 => Just(0u16), 1 => Just(1)];
    let attempts = prop_oneof![3 => Just(1u32), 1 => Just(2), 1 => Just(3)];
    let deadline = prop_oneof![8 => Just(None), 1 => Just(Some(700u64))];
    let ttl = prop_oneof![5 => Just(None), 1 => Just(Some(50)), 1 => Just(Some(400)), 1 => Just(Some(2500u64))];
    // 0 stands for the run that is live then.
    let expect = prop_oneof![20 => Just(None), 1 => Just(Some(0)), 1 => Just(Some(999u64))];
    let spawned = prop::bool::weighted(0.2);
    let mode = prop_oneof![5 => mode().prop_map(Some), 1 => Just(None)];
    let parts = (mode, lane, priority, who, attempts, deadline, ttl, expect, spawned);
    parts.prop_map(
        |(mode, lane, priority, (authority, route), attempts, deadline, ttl, expect, spawned)| {
            let origin = if spawned { Origin::Run } else { Origin::Outside };
            Spec {
                mode,
                lane,
                priority,
                authority,
                route,
                attempts,
                deadline,
                ttl,
                expect,
                origin,
                crowded: false,
            }
        },
    )
}

fn knob() -> impl Strategy<Value = Knob> {
    let drop = prop_oneof![Just(Drop::Old), Just(Drop::New), Just(Drop::Summarize)];
    prop_oneof![
        (1u32..8).prop_map(Knob::Cap),
        drop.prop_map(Knob::Drop),
        prop_oneof![Just(0), Just(300), Just(1000u64)].prop_map(Knob::Debounce),
        any::<bool>().prop_map(Knob::Reset),
        (1u32..5).prop_map(Knob::MaxBatch),
        mode().prop_map(Knob::Mode),
        any::<bool>().prop_map(Knob::StopAuthority),
        any::<bool>().prop_map(Knob::Steerable),
        prop_oneof![2 => Just(None), 1 => Just(Some(600u64))].prop_map(Knob::LaneDeadline),
    ]
}

fn which() -> impl Strategy<Value = Which> {
    prop_oneof![12 => Just(Which::Live), 1 => Just(Which::Other)]
}

fn hold() -> impl Strategy<Value = Hold> {
    prop_oneof![12 => Just(Hold::Current), 1 => Just(Hold::Stale)]
}

fn time() -> impl Strategy<Value = u64> {
    prop_oneof![Just(1), Just(50), Just(299), Just(400), Just(700), Just(1000), Just(6000u64)]
}

/// What a run does.
fn of_runs() -> impl Strategy<Value = Step> {
    let how = prop_oneof![3 => Just(How::Done), 3 => Just(How::Failed), 1 => Just(How::Panicked)];
    let caller = prop_oneof![4 => Just(1usize), 1 => Just(2)];
    prop_oneof![
        6 => (which(), how, any::<bool>()).prop_map(|(w, how, slice)| Step::ComeBack(w, how, slice)),
        6 => (which(), caller.clone()).prop_map(|(which, caller)| Step::Take(which, caller)),
        4 => (which(), hold()).prop_map(|(which, hold)| Step::Commit(which, hold)),
        3 => (which(), hold()).prop_map(|(which, hold)| Step::Restore(which, hold)),
        2 => (which(), caller).prop_map(|(which, caller)| Step::End(which, caller)),
        1 => (which(), any::<bool>()).prop_map(|(which, open)| Step::Hold(which, open)),
    ]
}

/// What hosts do.
fn of_hosts() -> impl Strategy<Value = Step> {
    let cause = prop_oneof![Just(Cause::Close), Just(Cause::Drain)];
    prop_oneof![
        100 => spec().prop_map(Step::Submit),
        12 => spec().prop_map(Step::Closure),
        20 => any::<prop::sample::Index>().prop_map(Step::Withdraw),
        5 => Just(Step::Stop),
        8 => prop::option::of(which()).prop_map(Step::Interrupt),
        6 => prop::option::of(mode()).prop_map(Step::OwnMode),
        10 => knob().prop_map(Step::Turn),
        4 => which().prop_map(Step::Abandon),
        1 => Just(Step::Drain),
        1 => cause.prop_map(Step::Close),
    ]
}

fn step() -> BoxedStrategy<Step> {
    prop_oneof![
        8 => of_hosts(),
        6 => of_runs(),
        4 => any::<prop::sample::Index>().prop_map(Step::Claim),
        3 => time().prop_map(Step::Pass),
        1 => time().prop_map(Step::PassUnnoticed),
        1 => Just(Step::Fire),
    ]
    .boxed()
}

/// A message that a run takes, if anything does: of its route and authority, without a limit.
fn plain(mode: Mode) -> Step {
    Step::Submit(Spec::new(Some(mode)))
}

/// A steer that a run takes and lets go of, whatever happens in between.
fn steering() -> impl Strategy<Value = Vec<Step>> {
    let mode = prop_oneof![Just(Mode::Steer), Just(Mode::SteerBacklog)];
    let ttl = prop_oneof![3 => Just(None), 1 => Just(Some(400u64))];
    let steer =
        (mode, ttl).prop_map(|(mode, ttl)| Step::Submit(Spec { ttl, ..Spec::new(Some(mode)) }));
    let between = prop_oneof![
        30 => step(),
        6 => Just(Step::Stop),
        6 => Just(Step::Pass(400)),
        1 => Just(Step::Close(Cause::Drain)),
    ];
    let lets_go = prop_oneof![
        Just(Step::Commit(Which::Live, Hold::Current)),
        Just(Step::Restore(Which::Live, Hold::Current)),
    ];
    (steer, between, lets_go)
        .prop_map(|(steer, step, over)| vec![steer, Step::Take(Which::Live, 1), step, over])
}

/// A session that is full, in which the oldest gives way: mostly with nothing else in it.
fn crowded() -> impl Strategy<Value = Vec<Step>> {
    let head = prop_oneof![
        Just(Spec::new(Some(Mode::Followup)).lane(1)),
        Just(Spec::new(Some(Mode::Followup)).priority(Priority::Foreground)),
        Just(Spec::new(Some(Mode::Followup))),
    ];
    let drop = prop_oneof![3 => Just(Drop::Old), 1 => Just(Drop::Summarize)];
    let claim = any::<prop::sample::Index>().prop_map(Step::Claim);
    (drop, head, claim).prop_map(|(drop, head, claim)| {
        let full = [Step::Stop, Step::Turn(Knob::Drop(drop)), Step::Turn(Knob::Cap(2))];
        let followups = [Step::Submit(head), plain(Mode::Followup), plain(Mode::Followup)];
        let goes_on = [claim, Step::Turn(Knob::Cap(7))];
        full.into_iter().chain(followups).chain(goes_on).collect()
    })
}

/// Steps that rarely meet by chance, with anything in between.
fn scene() -> impl Strategy<Value = Vec<Step>> {
    let live = Which::Live;
    let claim = any::<prop::sample::Index>().prop_map(Step::Claim);
    let begins = (spec(), claim.clone()).prop_map(|(spec, claim)| vec![Step::Submit(spec), claim]);
    let collects = (step(), step(), step()).prop_map(move |(first, second, third)| {
        let collect = plain(Mode::Collect);
        vec![collect, first, second, Step::ComeBack(live, How::Done, false), third]
    });
    let while_held = prop_oneof![
        20 => step(),
        1 => Just(Step::Close(Cause::Close)),
        1 => Just(plain(Mode::Interrupt)),
    ];
    let fails = (while_held, time(), claim).prop_map(move |(step, time, claim)| {
        vec![Step::ComeBack(live, How::Failed, false), step, Step::Pass(time), claim]
    });
    prop_oneof![
        12 => step().prop_map(|step| vec![step]),
        3 => begins,
        3 => steering(),
        1 => collects,
        1 => fails,
        1 => crowded(),
    ]
}

/// What a case begins with, besides its steps.
#[derive(Clone, Debug)]
pub(super) struct Start {
    pub(super) knobs: Vec<Knob>,
    pub(super) steer_rounds: u32,
}

pub(super) fn case() -> impl Strategy<Value = (Start, Vec<Step>)> {
    let start = (prop::collection::vec(knob(), 0..5), 1u32..4)
        .prop_map(|(knobs, steer_rounds)| Start { knobs, steer_rounds });
    let scenes = prop::collection::vec(scene(), 1..40).prop_map(|scenes| scenes.concat());
    (start, scenes)
}
