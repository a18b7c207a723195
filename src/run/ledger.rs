//! The tool ledger: every planned call ends in exactly one result, in source order. P6.
//!
//! Whether a call may start is decided under the session's lock, so that it is either never
//! executed, or was executing before the stop. What the calls are doing is kept here, under a leaf
//! lock of its own.

use super::Run;
use super::call::{CallResult, CallState, Code, Effects, Launch, Why};
use crate::model::{Cause, Error, PendingTools};
use crate::session::{OpenCalls, Verdict};
use crate::sync::on::{Thread, acting_as};
use crate::sync::{Arc, Mutex, caught};
use crate::watch::Phase;

/// A plan cannot be settled while these calls execute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenCallsLeft(pub Vec<Arc<str>>);

impl std::fmt::Display for OpenCallsLeft {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "calls still execute: {}", self.0.join(", "))
    }
}

impl std::error::Error for OpenCallsLeft {}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    Planned,
    Executing,
    Ended,
}

struct Call {
    step: Step,
    result: CallResult,
}

impl Call {
    fn planned(id: Arc<str>) -> Self {
        let result = CallResult {
            call: id,
            state: CallState::Cancelled,
            effects: Effects::None,
            code: None,
            error: true,
            result: None,
        };
        Self { step: Step::Planned, result }
    }

    fn end(&mut self, state: CallState, effects: Effects, code: Option<Code>) {
        self.step = Step::Ended;
        self.result.state = state;
        self.result.effects = effects;
        self.result.code = code;
        self.result.error = !matches!(state, CallState::Completed | CallState::Late);
    }
}

/// The open plan of a run; empty when it is settled.
#[derive(Default)]
pub(crate) struct Calls(Mutex<Vec<Call>>);

impl OpenCalls for Calls {
    fn open_calls(&self) -> Vec<Arc<str>> {
        let calls = self.0.lock();
        let open = calls.iter().filter(|c| c.step == Step::Executing);
        open.map(|c| Arc::clone(&c.result.call)).collect()
    }
}

impl Calls {
    /// Ends every call that has not started.
    fn cancel_planned(&self, code: Code) {
        for call in self.0.lock().iter_mut().filter(|c| c.step == Step::Planned) {
            call.end(CallState::Cancelled, Effects::None, Some(code));
        }
    }

    /// Every planned call executes from now on: one step, so that two threads cannot begin one
    /// call, and one that was rejected meanwhile is not begun.
    fn begin_planned(&self) -> Vec<Arc<str>> {
        let mut calls = self.0.lock();
        let planned = calls.iter_mut().filter(|c| c.step == Step::Planned);
        planned
            .map(|c| {
                c.step = Step::Executing;
                Arc::clone(&c.result.call)
            })
            .collect()
    }

    /// The planned calls, by name.
    fn planned(&self) -> Vec<Arc<str>> {
        let calls = self.0.lock();
        let planned = calls.iter().filter(|c| c.step == Step::Planned);
        planned.map(|c| Arc::clone(&c.result.call)).collect()
    }

    fn with<R>(&self, id: &str, change: impl FnOnce(&mut Call) -> R) -> Result<R, Error> {
        let mut calls = self.0.lock();
        match calls.iter_mut().find(|c| *c.result.call == *id) {
            Some(call) => Ok(change(call)),
            None => {
                let planned: Vec<_> = calls.iter().map(|c| &*c.result.call).collect();
                let planned = planned.join(", ");
                Err(Error::invalid(format!("no call {id:?} in the plan: it has {planned}")))
            }
        }
    }
}

/// The calls of one assistant message, from plan to settle. Its methods may be called from any
/// thread of the handler, and never block (but [`start_all`](Self::start_all)).
#[derive(Clone, Copy)]
pub struct Ledger<'run> {
    run: &'run Run,
    calls: &'run Arc<Calls>,
}

impl Run {
    fn calls(&self) -> &Arc<Calls> {
        self.rare().calls.get_or_init(|| {
            let calls = Arc::new(Calls::default());
            let watched: Arc<dyn OpenCalls> = Arc::clone(&calls) as Arc<dyn OpenCalls>;
            // Stale: nobody will ask for the calls of a run that is over.
            let _ = self.session.lock().machine.set_calls(self.id, watched);
            calls
        })
    }

    /// Opens a plan: the calls of one assistant message, by ids, in source order.
    ///
    /// # Errors
    /// `Invalid` if the former plan is not settled, or for an id that comes twice.
    pub fn plan<I>(&self, ids: I) -> Result<Ledger<'_>, Error>
    where
        I: IntoIterator<Item: Into<Arc<str>>>,
    {
        let fresh: Vec<Call> = ids.into_iter().map(|id| Call::planned(id.into())).collect();
        for (idx, call) in fresh.iter().enumerate() {
            if fresh[..idx].iter().any(|other| other.result.call == call.result.call) {
                let text = format!("call {:?} comes twice: ids are unique", call.result.call);
                return Err(Error::invalid(text));
            }
        }
        let calls = self.calls();
        let mut open = calls.0.lock();
        if !open.is_empty() {
            return Err(Error::invalid("the former plan is not settled: settle it first"));
        }
        *open = fresh;
        drop(open);
        Ok(Ledger { run: self, calls })
    }

    /// The open plan.
    #[must_use]
    pub fn ledger(&self) -> Option<Ledger<'_>> {
        let calls = self.rare().calls.get()?;
        (!calls.0.lock().is_empty()).then_some(Ledger { run: self, calls })
    }
}

impl Ledger<'_> {
    /// The verdict under the session's lock: the instant from which a call counts as executing.
    fn verdict(&self) -> Result<Verdict, Error> {
        let run = self.run;
        let now = run.shared.now();
        let mut locked = run.session.lock();
        let rules = run.shared.rules();
        let cx = run.shared.cx(&rules, now);
        locked.machine.verdict(run.id, &cx)
    }

    fn launch(&self) -> Launch {
        let policy = self.run.shared.config().queue.pending_tools;
        match self.verdict() {
            Err(_) => Launch::Stop(Cause::Abandon),
            Ok(Verdict::Stop(cause)) => Launch::Stop(cause),
            Ok(Verdict::Steer) if policy == PendingTools::Skip => Launch::Skip(Why::Steer),
            Ok(Verdict::Steer | Verdict::Go) => Launch::Go,
        }
    }

    fn say(&self, phase: Phase, call: &str, verdict: &'static str) {
        if self.run.shared.bus.on() {
            self.run.say_boundary(phase, Some(call.into()), verdict);
        }
    }

    /// All calls of the plan, in source order.
    #[must_use]
    pub fn calls(&self) -> Vec<Arc<str>> {
        self.calls.0.lock().iter().map(|c| Arc::clone(&c.result.call)).collect()
    }

    /// Asks to start a call: the boundary before it.
    ///
    /// # Errors
    /// `Invalid` for a call that is not in the plan, or has started already.
    pub fn start(&self, call: &str) -> Result<Launch, Error> {
        self.calls.with(call, |c| match c.step {
            Step::Executing => Err(Error::invalid(format!("call {call:?} executes already"))),
            Step::Planned | Step::Ended => Ok(()),
        })??;
        let launch = self.launch();
        let launch = self.calls.with(call, |c| match (c.step, launch) {
            (Step::Planned, Launch::Go) => {
                c.step = Step::Executing;
                Ok(launch)
            }
            // It was skipped before, with the others: the same answer again.
            (Step::Ended, Launch::Go) if c.result.code == Some(Code::Steer) => {
                Ok(Launch::Skip(Why::Steer))
            }
            (Step::Ended, Launch::Go) => {
                Err(Error::invalid(format!("call {call:?} has ended already")))
            }
            (Step::Executing, _) => Err(Error::invalid(format!("call {call:?} executes already"))),
            (_, launch) => Ok(launch),
        })??;
        self.cancel_others(launch);
        self.say(Phase::Before, call, launch_word(launch));
        Ok(launch)
    }

    fn cancel_others(&self, launch: Launch) {
        match launch {
            Launch::Go => {}
            Launch::Skip(Why::Steer) => self.calls.cancel_planned(Code::Steer),
            Launch::Stop(_) => self.calls.cancel_planned(Code::Stop),
        }
    }

    /// One launch decision for every call that has not started: either all count as executing
    /// now, or all are cancelled.
    ///
    /// # Errors
    /// None today.
    pub fn start_rest(&self) -> Result<Vec<(Arc<str>, Launch)>, Error> {
        let launch = self.launch();
        let planned = match launch {
            Launch::Go => self.calls.begin_planned(),
            _ => self.calls.planned(),
        };
        self.cancel_others(launch);
        planned.iter().for_each(|call| self.say(Phase::Before, call, launch_word(launch)));
        Ok(planned.into_iter().map(|call| (call, launch)).collect())
    }

    /// One launch decision, and then the calls in parallel on the tool pool; returns when all have
    /// ended. A call that panics has failed. `run.wait` inside a call is refused.
    ///
    /// # Errors
    /// None today.
    pub fn start_all(
        &self,
        execute: impl Fn(&str) -> Result<String, String> + Sync,
    ) -> Result<Verdict, Error> {
        let started: Vec<_> =
            self.start_rest()?.into_iter().filter(|(_, l)| *l == Launch::Go).collect();
        let door = self.run.shared.doors.get(self.run.lane);
        // A tool is inside its run: the same lane confines it.
        let confined = door.settings().isolated.then_some(door.id.0);
        self.run.crew.tools.each(started.len(), |idx| {
            let call = &started[idx].0;
            let body = || acting_as(Thread::Tools, confined, || execute(call));
            let result = caught::call(body).unwrap_or_else(|_| Err("the tool panicked".to_owned()));
            // The call is in the plan and executes: nothing can be wrong about finishing it.
            let _ = self.finish(call, result);
        });
        Ok(self.run.verdict())
    }

    /// A call has ended: the boundary after it. An error for a call that has not started means
    /// that it was found wrong (`rejected`); a success after a stop is `late`.
    ///
    /// # Errors
    /// `Invalid` for a call that is not in the plan, or for a success of one that never started.
    pub fn finish(&self, call: &str, result: Result<String, String>) -> Result<Verdict, Error> {
        let verdict = self.verdict().unwrap_or(Verdict::Stop(Cause::Abandon));
        let stopped = matches!(verdict, Verdict::Stop(_));
        self.calls.with(call, |c| {
            let success = result.is_ok();
            match (c.step, success) {
                (Step::Planned, true) => {
                    return Err(Error::invalid(format!("call {call:?} has not started")));
                }
                (Step::Planned, false) => {
                    c.end(CallState::Rejected, Effects::None, Some(Code::Rejected));
                }
                (Step::Executing, true) if stopped => {
                    c.end(CallState::Late, Effects::Done, Some(Code::Stop));
                }
                (Step::Executing, true) => c.end(CallState::Completed, Effects::Done, None),
                (Step::Executing, false) if stopped => {
                    c.end(CallState::Cancelled, Effects::Unknown, Some(Code::Stop));
                }
                (Step::Executing, false) => c.end(CallState::Failed, Effects::Done, None),
                // Skipped calls keep their result; one that was given up while it executed is late.
                (Step::Ended, true) if c.result.effects == Effects::Unknown => {
                    let code = c.result.code;
                    c.end(CallState::Late, Effects::Done, code);
                }
                (Step::Ended, _) => return Ok(()),
            }
            c.result.result = Some(result.unwrap_or_else(|error| error));
            Ok(())
        })??;
        self.say(Phase::After, call, verdict.as_str());
        Ok(verdict)
    }

    /// The call's own deadline has passed; the run goes on. If it ends after all, it is `late`.
    ///
    /// # Errors
    /// `Invalid` for a call that does not execute.
    pub fn time_out(&self, call: &str) -> Result<Verdict, Error> {
        self.calls.with(call, |c| match c.step {
            Step::Executing => {
                c.end(CallState::TimedOut, Effects::Unknown, Some(Code::Deadline));
                Ok(())
            }
            Step::Planned | Step::Ended => {
                Err(Error::invalid(format!("call {call:?} does not execute")))
            }
        })??;
        Ok(self.verdict().unwrap_or(Verdict::Stop(Cause::Abandon)))
    }

    /// Gives up every call that executes: cancelled, effects unknown. For adapters whose agent is
    /// gone.
    pub fn give_up(&self) {
        for call in self.calls.0.lock().iter_mut().filter(|c| c.step == Step::Executing) {
            call.end(CallState::Cancelled, Effects::Unknown, Some(Code::Stop));
        }
    }

    /// Closes the plan: one result a call, in source order. A call that never asked to start is
    /// cancelled without effects.
    ///
    /// # Errors
    /// The calls that still execute; the plan stays open.
    pub fn settle(&self) -> Result<Vec<CallResult>, OpenCallsLeft> {
        let open = self.calls.open_calls();
        if !open.is_empty() {
            return Err(OpenCallsLeft(open));
        }
        let code = match self.run.verdict() {
            Verdict::Stop(_) => Code::Stop,
            Verdict::Steer => Code::Steer,
            Verdict::Go => Code::Rejected,
        };
        self.calls.cancel_planned(code);
        let calls = std::mem::take(&mut *self.calls.0.lock());
        let results: Vec<_> = calls.into_iter().map(|call| call.result).collect();
        self.run.transcribe_calls(&results);
        Ok(results)
    }
}

fn launch_word(launch: Launch) -> &'static str {
    match launch {
        Launch::Go => "go",
        Launch::Skip(_) => "skip",
        Launch::Stop(_) => "stop",
    }
}
