//! The short way does what the long way does: two machines live the same life, one of them by the
//! short way wherever it is open.

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::desk::World;
use crate::config::{Inbound, Queue};
use crate::model::{Cause, LaneId, Message, Mode, Outcome, Priority, RunId};
use crate::session::entry::{Code, Kept};
use crate::session::live::{Inbox, SlotState};
use crate::session::machine::{
    Cx, Door, End, Finished, Machine, Origin, Phase, Slice, Started, Strode, TheLongWay, Ticketed,
    Work,
};
use crate::session::next::{Next, Tag};
use crate::session::{Cell, Standing, Terms};
use crate::sync::Arc;
use crate::time::Moment;

/// A closure by its number, fired or with a receipt.
#[derive(Clone)]
struct Closure(u32, Option<Arc<Standing>>);

impl Code for Closure {
    fn standing(&self) -> Option<&Standing> {
        self.1.as_deref()
    }

    fn keep(&self) -> Option<Arc<dyn Kept<Self>>> {
        self.1.is_some().then(|| Arc::new(self.clone()) as Arc<_>)
    }
}

impl Kept<Self> for Closure {
    fn standing(&self) -> &Standing {
        self.1.as_deref().expect("only what has a receipt is kept")
    }

    fn back(self: Arc<Self>) -> Self {
        Self::clone(&self)
    }
}

/// What may happen to a session; ends and claims of a session that has none do nothing.
#[derive(Clone, Copy, Debug)]
enum Step {
    Fire {
        lane: u16,
        priority: Priority,
        asked: bool,
    },
    Submit {
        lane: u16,
        ttl: bool,
    },
    Claim,
    End {
        slice: bool,
        done: bool,
    },
    Withdraw {
        which: prop::sample::Index,
    },
    Interrupt,
    /// The run begins a wait, or one of its waits is over.
    Lend,
    Regain,
    /// The run is fenced; its thread comes back later.
    Abandon,
    LateEnd,
    Stop,
    Drain,
}

fn step() -> impl Strategy<Value = Step> {
    let priority = prop_oneof![
        1 => Just(Priority::Background),
        8 => Just(Priority::Normal),
        1 => Just(Priority::Foreground),
    ];
    let lane = prop_oneof![15 => Just(0_u16), 1 => Just(1_u16)];
    prop_oneof![
        40 => (lane.clone(), priority, any::<bool>())
            .prop_map(|(lane, priority, asked)| Step::Fire { lane, priority, asked }),
        2 => (lane, any::<bool>()).prop_map(|(lane, ttl)| Step::Submit { lane, ttl }),
        20 => Just(Step::Claim),
        40 => (prop::bool::weighted(0.9), prop::bool::weighted(0.95))
            .prop_map(|(slice, done)| Step::End { slice, done }),
        4 => any::<prop::sample::Index>().prop_map(|which| Step::Withdraw { which }),
        2 => Just(Step::Interrupt),
        3 => Just(Step::Lend),
        4 => Just(Step::Regain),
        2 => Just(Step::Abandon),
        2 => Just(Step::LateEnd),
        1 => Just(Step::Stop),
        1 => Just(Step::Drain),
    ]
}

/// One of the two lives.
struct Life {
    machine: Machine<Closure>,
    world: World,
    short: bool,
    out: Vec<Tag>,
    /// The run in progress, and the ticket of its slice.
    run: Option<(RunId, Ticketed)>,
    runs: u64,
    fired: u32,
    standings: Vec<(Arc<Standing>, Priority)>,
    /// What started, in order: a closure's number, or none for a message.
    started: Vec<Option<u32>>,
    /// How the runs ended, with the slot as it was.
    ended: Vec<Option<(Outcome, SlotState)>>,
    /// A run that was fenced.
    gone: Option<(RunId, Ticketed)>,
    /// How often each short way was open.
    opened: [u32; 4],
}

enum Way {
    BehindReady,
    BehindRunning,
    Stride,
    Rest,
}

impl Life {
    fn new(short: bool) -> Self {
        let world = World {
            now: Moment::START,
            queue: Queue::default(),
            inbound: Inbound::default(),
            closure_cap: 12,
            door: Door::Open,
        };
        Self {
            machine: Machine::new(3),
            world,
            short,
            out: Vec::new(),
            run: None,
            runs: 0,
            fired: 0,
            standings: Vec::new(),
            started: Vec::new(),
            ended: Vec::new(),
            gone: None,
            opened: [0; 4],
        }
    }

    fn live(&mut self, step: Step) {
        match step {
            Step::Fire { lane, priority, asked } => self.fire(LaneId(lane), priority, asked),
            Step::Submit { lane, ttl } => self.submit(LaneId(lane), ttl),
            Step::Claim => self.claim(),
            Step::End { slice, done } => {
                let run = self.run.take();
                self.end(run, slice, done);
            }
            Step::LateEnd => {
                let run = self.gone.take();
                self.end(run, true, true);
            }
            Step::Withdraw { which } => self.withdraw(which),
            Step::Interrupt => {
                let cx = self.world.quiet();
                let (next, _) = self.machine.interrupt(None, Cause::Interrupt, &cx);
                self.take(&next);
            }
            Step::Lend => {
                if let Some((run, _)) = self.run {
                    self.machine.lend(run).expect("it is live");
                }
            }
            Step::Regain => self.regain(),
            Step::Abandon => self.abandon(),
            Step::Stop => {
                let cx = self.world.quiet();
                let (next, _) = self.machine.stop(&cx);
                self.take(&next);
            }
            // It takes nothing new, and finishes what it has.
            Step::Drain => self.world.door = Door::Draining,
        }
        self.world.now = self.world.now.plus(std::time::Duration::from_millis(1));
    }

    /// Whether the short way is asked for: the door is open, and nobody listens.
    fn is_short(&self) -> bool {
        self.short && self.world.door == Door::Open
    }

    fn take(&mut self, next: &Next<Closure>) {
        self.out.extend(next.ticket);
    }

    fn fire(&mut self, lane: LaneId, priority: Priority, asked: bool) {
        let cx = self.world.quiet();
        let standing = asked.then(Arc::default);
        self.standings.extend(standing.clone().map(|standing| (standing, priority)));
        let mut code = Some(Closure(self.fired, standing));
        let (place, cap) = ((lane, priority), cx.closure_cap);
        if self.is_short() && self.machine.queue_behind(&mut code, place, cap, || cx.now).is_ok() {
            assert!(code.is_none());
            self.fired += 1;
            match self.machine.phase() {
                Phase::Running => self.opened[Way::BehindRunning as usize] += 1,
                _ => self.opened[Way::BehindReady as usize] += 1,
            }
            return;
        }
        let (next, landed) =
            self.machine.admit_closure(&mut code, lane, priority, Origin::Outside, &cx);
        self.fired += u32::from(landed.is_ok());
        self.take(&next);
    }

    fn submit(&mut self, lane: LaneId, ttl: bool) {
        let message = Message::new("k", "x").with_mode(Mode::Followup);
        let expires = ttl.then(|| self.world.now.plus(std::time::Duration::from_millis(9)));
        let cell = Cell::on(Terms { expires, ..Terms::default() }, message, 1, lane);
        let cx = self.world.quiet();
        let (next, _) = self.machine.admit(&Arc::new(cell), Origin::Outside, &cx);
        self.take(&next);
    }

    fn begun(&mut self, started: &Started<Closure>, ticket: Ticketed) {
        self.runs += 1;
        assert_eq!(started.run.get(), self.runs);
        self.run = Some((started.run, ticket));
        self.started.push(match &started.work {
            Work::Closure(Closure(number, _)) => Some(*number),
            Work::Messages(_) => None,
        });
    }

    fn claim(&mut self) {
        let Some(tag) = (!self.out.is_empty()).then(|| self.out.remove(0)) else { return };
        let warning = std::time::Duration::from_secs(2);
        let ticket = Ticketed { tag, issued: None, warning, inbox: Inbox::Open, deadline: None };
        let cx = self.world.quiet();
        let mut place = None;
        let next = self.machine.claim(&ticket, RunId::new(self.runs + 1), &mut place, &cx);
        self.take(&next);
        if let Some(started) = place {
            self.begun(&started, ticket);
        }
    }

    fn withdraw(&mut self, which: prop::sample::Index) {
        if self.standings.is_empty() {
            return;
        }
        let (standing, priority) = self.standings[which.index(self.standings.len())].clone();
        let cx = self.world.quiet();
        let (next, _) = self.machine.withdraw_closure(&standing, priority, &cx);
        self.take(&next);
    }

    fn regain(&mut self) {
        let Some((run, _)) = self.run else { return };
        if self.machine.live.as_ref().is_some_and(|live| live.waits > 0) {
            self.machine.wait_over(run).expect("it is live");
        }
        assert!(self.machine.regain(run).is_ok());
    }

    fn abandon(&mut self) {
        let Some((run, ticket)) = self.run.take() else { return };
        let cx = self.world.quiet();
        let (next, gone) = self.machine.abandon(run, Cause::Abandon, &cx);
        assert!(gone.is_some());
        self.take(&next);
        self.gone = Some((run, ticket));
    }

    fn end(&mut self, run: Option<(RunId, Ticketed)>, slice: bool, done: bool) {
        let Some((run, ticket)) = run else { return };
        let cx = self.world.quiet();
        let (mut place, mut code) = (None, None);
        let next = RunId::new(self.runs + 1);
        let whole = Slice { ticket: &ticket, run: next, next: &mut place, admitted: None };
        let mut slice = slice.then_some(whole);
        if let (true, true, Some(slice)) = (self.is_short(), done, &mut slice)
            && let Ok(strode) = self.machine.stride(run, slice, cx.now, &mut code)
        {
            self.ended.push(Some((Outcome::Done, SlotState::Held)));
            match strode {
                Strode::On => {
                    let code = code.expect("it is in its place");
                    let admitted = slice.admitted;
                    self.opened[Way::Stride as usize] += 1;
                    let (work, lane) = (Work::Closure(code), ticket.tag.lane);
                    place = Some(Started { run: next, work, lane, attempt: 1, admitted });
                }
                Strode::Over => self.opened[Way::Rest as usize] += 1,
            }
        } else {
            let error = "planned".into();
            let end = if done { End::Done(None) } else { End::Panicked { error } };
            let (next, finished) = self.machine.finish(run, &end, slice, &cx);
            self.take(&next);
            self.ended.push(match finished {
                Finished::Ended(ended) => Some((ended.outcome, ended.slot)),
                Finished::Stale => None,
            });
        }
        if let Some(started) = place {
            self.begun(&started, ticket);
        }
    }

    /// Everything that anybody may ask the machine.
    fn told(&self) -> impl PartialEq + std::fmt::Debug + use<'_> {
        let m = &self.machine;
        let counts =
            (m.accepted, m.settled, m.pending(), m.backlog.closures(), m.waiting, m.started);
        let sample = m.timed_from.map(|admitted| (m.timed, admitted));
        let live = m.live.as_ref().map(|live| (live.id, live.number, live.started, live.attempt));
        let state = m.live.as_ref().map(|live| (live.stop, live.waits, live.slot));
        let places: Vec<_> = self.standings.iter().map(|(s, _)| (s.place(), s.number())).collect();
        let seen = (m.phase, m.signal(), m.is_plain(), places);
        (seen, counts, sample, (live, state), &self.out, &self.started, &self.ended)
    }
}

impl World {
    /// Nobody listens: only then is there a short way.
    fn quiet(&self) -> Cx<'_> {
        Cx { listening: false, journaled: false, ..self.cx() }
    }
}

#[test]
fn the_short_way_does_what_the_long_way_does() {
    let config = Config { cases: 500, failure_persistence: None, ..Config::default() };
    let opened = std::cell::Cell::new([0; 4]);
    let lives = prop::collection::vec(step(), 1..200);
    let came = TestRunner::new(config).run(&lives, |steps| {
        let (mut short, mut long) = (Life::new(true), Life::new(false));
        for step in steps {
            short.live(step);
            long.live(step);
            prop_assert_eq!(short.told(), long.told(), "after {:?}", step);
        }
        let mut all = opened.get();
        all.iter_mut().zip(short.opened).for_each(|(all, own)| *all += own);
        opened.set(all);
        Ok(())
    });
    came.unwrap_or_else(|why| panic!("{why}"));
    let least = [1_000, 1_000, 1_000, 100];
    let often = opened.get().iter().zip(least).all(|(opened, least)| *opened > least);
    assert!(often, "the short way was seldom open: {:?}", opened.get());
}

#[test]
fn p10_a_machine_with_nothing_to_do_is_its_books_and_wakes_with_them() {
    let mut life = Life::new(true);
    let fire = Step::Fire { lane: 0, priority: Priority::Normal, asked: true };
    assert!(life.machine.falls_asleep().is_some());
    life.live(fire);
    assert_eq!(life.machine.falls_asleep(), None, "a ticket is out");
    life.live(Step::Claim);
    assert_eq!(life.machine.falls_asleep(), None, "it runs");
    life.live(Step::End { slice: true, done: true });
    let books = life.machine.falls_asleep().expect("it rests");
    life.machine = Machine::wake(3, books);
    life.live(fire);
    // P2, P4: numbers go on where they were.
    assert_eq!(life.standings[1].0.number(), 1);
    life.live(Step::Stop);
    assert_eq!(life.machine.falls_asleep(), None, "its ticket is still out");
    life.live(Step::Claim);
    assert!(life.machine.falls_asleep().is_some(), "the misfit is gone");
    assert_eq!(life.started, [Some(0)]);
}

/// P2: what would start out of order is for the long way to count. Gaps are in order.
#[test]
fn p2_the_short_way_is_shut_for_what_is_older_than_what_has_started() {
    let fire = Step::Fire { lane: 0, priority: Priority::Normal, asked: false };
    for (started, open) in [(5, true), (20, false)] {
        let mut life = Life::new(true);
        // Numbers that lot 3 does not time.
        life.machine.accepted = 10;
        life.machine.settled = 10;
        (0..2).for_each(|_| life.live(fire));
        life.live(Step::Claim);
        life.machine.started = started;
        let (run, ticket) = life.run.expect("it runs");
        let (id, next) = (RunId::new(2), &mut None);
        let mut slice = Slice { ticket: &ticket, run: id, next, admitted: None };
        let way = life.machine.stride(run, &mut slice, life.world.now, &mut None);
        assert_eq!(way.map(|_| ()), if open { Ok(()) } else { Err(TheLongWay) });
    }
}
