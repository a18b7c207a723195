//! Runs that runs spawn: they go with a parent that ends other than done, and are bounded in
//! depth and number.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};

use laneq::{
    BoxError, Cause, Config, Event, Fate, Message, Mode, Outcome, Reason, Receipt, Reply, Run,
};

use super::support::{Answer, Bench, LONG, Stop, bench, bench_with, lane, waits};

type Handled = Result<Reply, BoxError>;

/// A parent in a lane of its own, with a child that runs (at the bench's gate) and one that waits.
struct Family {
    bench: Bench,
    parent: Receipt,
    running: Receipt,
    queued: Receipt,
    end: Sender<fn() -> Handled>,
    ended: Receiver<()>,
}

fn child(text: &str) -> Message {
    Message::new("child", text).with_mode(Mode::Followup)
}

fn family(spawn: fn(&Run, Message) -> Result<Receipt, laneq::Refused>) -> Family {
    let bench = bench_with(Config::default().with_lane("parents", 1));
    let (end, end_rx) = channel::<fn() -> Handled>();
    let (born_tx, born) = channel();
    let (ended_tx, ended) = channel();
    let end_rx = Mutex::new(end_rx);
    let handler = move |run: &Run| -> Handled {
        for text in ["running", "queued"] {
            born_tx.send(spawn(run, child(text)).expect("there is room"))?;
        }
        let end = end_rx.lock().expect("no panic under it").recv()?;
        ended_tx.send(())?;
        end()
    };
    super::support::DRIVE.lane(&bench.engine, "parents", handler);
    let parent = bench.submit(Message::new("parent", "x").with_lane("parents"));
    let running = born.recv_timeout(LONG).expect("the first is born");
    let queued = born.recv_timeout(LONG).expect("the second is born");
    assert_eq!(bench.gate.arrived(), "running");
    Family { bench, parent, running, queued, end, ended }
}

impl Family {
    fn ends(&self, how: fn() -> Handled) {
        self.end.send(how).expect("the parent lives");
        self.ended.recv_timeout(LONG).expect("the parent ends");
        waits(&self.parent);
    }

    fn causes(&self) -> Vec<(String, Option<Cause>)> {
        self.bench.settled_book().find(|event| match event {
            Event::RunFinished { key, cause, .. } => Some((key.to_string(), *cause)),
            _ => None,
        })
    }

    /// The children went with their parent.
    fn gone(self, parent: Option<Cause>) {
        assert_eq!(waits(&self.queued).fate, Fate::Withdrawn, "it never started");
        self.bench.gate.answer(Answer::Fail);
        assert_eq!(waits(&self.running).outcome, Some(Outcome::Stopped));
        let of_child = ("child".to_owned(), Some(Cause::Parent));
        assert_eq!(self.causes(), [("parent".to_owned(), parent), of_child]);
        self.bench.finish();
    }

    /// The children outlive their parent.
    fn stay(self) {
        self.bench.gate.open();
        assert_eq!(waits(&self.running).outcome, Some(Outcome::Done));
        self.bench.gate.pass("queued");
        assert_eq!(waits(&self.queued).outcome, Some(Outcome::Done));
        self.bench.finish();
    }
}

fn attached(run: &Run, message: Message) -> Result<Receipt, laneq::Refused> {
    run.spawn(message)
}

fn detached(run: &Run, message: Message) -> Result<Receipt, laneq::Refused> {
    run.spawn_detached(message)
}

#[test]
fn a_child_without_a_lane_runs_in_the_lane_of_sub_agents() {
    let family = family(attached);
    assert_eq!(lane(&family.bench.engine, "subagent").executing, 1);
    family.ends(|| Ok(Reply::from("done")));
    family.stay();
}

#[test]
fn children_of_a_failed_run_go_with_it() {
    let family = family(attached);
    family.ends(|| Err("planned failure".into()));
    family.gone(None);
}

#[test]
fn children_of_a_panicked_run_go_with_it() {
    let family = family(attached);
    family.ends(|| std::panic::resume_unwind(Box::new("planned")));
    family.gone(None);
}

#[test]
fn children_of_a_stopped_run_hear_of_it_before_their_parent_has_come_back() {
    let family = family(attached);
    assert!(family.bench.engine.interrupt("parent").is_some());
    assert_eq!(waits(&family.queued).fate, Fate::Withdrawn);
    let (told_tx, told) = channel();
    family.bench.gate.with(move |run| told_tx.send(run.stopped()).expect("the test lives"));
    assert_eq!(told.recv_timeout(LONG), Ok(Some(Cause::Parent)));
    assert!(family.parent.settled().is_none(), "it is still at it");
    family.ends(|| Err("stopped".into()));
    family.gone(Some(Cause::Interrupt));
}

#[test]
fn detached_children_outlive_a_failed_run() {
    let family = family(detached);
    family.ends(|| Err("planned failure".into()));
    family.stay();
}

/// Rows of `FAILURES.md`: R23.
#[test]
fn a_child_of_a_run_that_is_stopped_already_is_born_cancelled() {
    let bench = bench_with(Config::default().with_lane("subagent", 0));
    let parent = bench.submit(Message::new("parent", "x"));
    bench.gate.arrived();
    assert!(bench.engine.interrupt("parent").is_some());
    let (born_tx, born) = channel();
    bench.gate.with(move |run| {
        let first = run.spawn(child("first")).expect("there is room");
        let second = run.spawn(child("second")).expect("there is room");
        born_tx.send([first, second]).expect("the test lives");
    });
    let children = born.recv_timeout(LONG).expect("they are born");
    assert!(children.iter().all(|c| waits(c).fate == Fate::Withdrawn));
    bench.gate.answer(Answer::Fail);
    waits(&parent);
    bench.finish();
}

#[test]
fn a_stop_goes_down_through_the_generations() {
    let bench = bench();
    let stop = Stop::default();
    let (born_tx, born) = channel();
    let spawn = move |run: &Run, key: &str| {
        let receipt = run.spawn(Message::new(key, key)).expect("there is room");
        born_tx.send(receipt).expect("the test lives");
    };
    let (hold, to_child) = (stop.hold(), spawn.clone());
    let parent = bench.engine.enqueue("main", "parent", move |run| {
        to_child(run, "child");
        hold();
    });
    assert_eq!(bench.gate.arrived(), "child");
    bench.gate.with(move |run| spawn(run, "grandchild"));
    assert_eq!(bench.gate.arrived(), "grandchild");
    let descendants = [(); 2].map(|()| born.recv_timeout(LONG).expect("both are born"));
    assert!(bench.engine.interrupt("parent").is_some());
    (0..2).for_each(|_| bench.gate.answer(Answer::Fail));
    for descendant in &descendants {
        assert_eq!(waits(descendant).outcome, Some(Outcome::Stopped));
    }
    stop.open();
    parent.expect("there is room").wait().expect("a host thread");
    bench.finish();
}

#[test]
fn p9_runs_spawn_eight_levels_deep_and_no_deeper() {
    let bench = bench();
    let refused = Arc::new(Mutex::new(Vec::new()));
    let told = Arc::clone(&refused);
    let handler = move |run: &Run| -> Handled {
        let level: u32 = run.batch().text().parse()?;
        let next = Message::new(format!("level {}", level + 1), (level + 1).to_string());
        match run.spawn(next.clone().with_lane("nest")) {
            Ok(child) => drop(run.wait(&child, None)?),
            Err(refusal) => {
                assert_eq!(refusal.message.text(), next.text(), "it comes home");
                told.lock().expect("no panic").push((level, refusal.reason, refusal.detail));
            }
        }
        Ok(Reply::from("done"))
    };
    bench.engine.set_lane("nest", laneq::Concurrency::Limit(1)).expect("a fine name");
    super::support::DRIVE.lane(&bench.engine, "nest", handler);
    let top = bench.submit(Message::new("level 0", "0").with_lane("nest"));
    assert_eq!(waits(&top).outcome, Some(Outcome::Done));
    let refused = refused.lock().expect("no panic").clone();
    assert_eq!(refused.len(), 1);
    assert_eq!((refused[0].0, refused[0].1), (8, Reason::Full));
    assert!(refused[0].2.contains('8'), "{:?}", refused[0]);
    bench.finish();
}

/// Rows of `FAILURES.md`: C33.
#[test]
fn p9_a_run_has_sixty_four_living_children_and_room_again_when_one_has_its_fate() {
    let bench = bench_with(Config::default().with_lane("paused", 0));
    let engine = bench.engine.clone();
    let parent = bench.engine.enqueue("main", "parent", move |run| {
        let spawn = |n: u32| run.spawn(Message::new(format!("child {n}"), "x").with_lane("paused"));
        let full = |n: u32| spawn(n).map(drop).map_err(|r| (r.reason, r.message.key().to_owned()));
        let children: Vec<_> = (0..64).map(|n| spawn(n).expect("there is room")).collect();
        assert_eq!(full(64), Err((Reason::Full, "child 64".to_owned())));
        assert_eq!(engine.withdraw(&children[7]), laneq::Withdrawn::Withdrawn);
        drop(spawn(65).expect("there is room again"));
        assert_eq!(full(66), Err((Reason::Full, "child 66".to_owned())));
        let detached = Message::new("detached", "x").with_lane("paused");
        drop(run.spawn_detached(detached).expect("it is nobody's child"));
    });
    let parent = parent.expect("there is room").wait_for(LONG).expect("it has a fate in time");
    assert_eq!((parent.outcome, parent.error), (Some(Outcome::Done), None));
    let refusals = bench.settled_book().names(|e| matches!(e, laneq::Event::Refused { .. }));
    assert_eq!((refusals.len(), bench.engine.stats().refused), (2, 2), "never silent");
    assert_eq!(lane(&bench.engine, "paused").ready, 66, "a withdrawn one leaves its ticket");
    bench.finish();
}
