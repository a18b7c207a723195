//! Answers the requests of one run's jsonl agent.

use std::collections::HashMap;
use std::sync::Arc;

use laneq::{
    Cause, End, Error, Kind, Launch, Ledger, Message, Receipt, Reply, Run, Settled, Signal, Source,
    Steers, Verdict, WaitError, Waiting, Why,
};
use serde_json::value::RawValue;

use super::first;
use super::request::{self, Ask, Request};
use crate::cli::app::App;
use crate::cli::fields::{self, Asked};
use crate::cli::output::Body;

/// Waits of one run that may be open. P9.
const WAITS: usize = 1024;

type Number = Option<Box<RawValue>>;

/// How far a run has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Course {
    /// It takes requests.
    Open,
    /// A stop was its answer.
    ToldToStop,
    /// Its end was accepted: this is its reply.
    Ended(String),
}

/// One run's side of the conversation.
pub struct Serving<'run> {
    app: &'run Arc<App>,
    run: &'run Run,
    pub course: Course,
    /// Steers that the agent has been given: its next request commits them. P5.
    taken: Option<Steers<'run>>,
    spawned: HashMap<String, Receipt>,
    waits: Vec<(Number, Waiting<'run, Reply>)>,
    notify: bool,
    /// A steer came before it asked for notices.
    missed: bool,
    /// Notices that went out since its last request: at most one of each.
    noticed: Vec<Signal>,
}

/// A child that does not say whose it is belongs to the agent of the run that spawns it.
fn of_agent(message: Message, run: &Run) -> Message {
    let batch = run.batch();
    let own = batch.messages().last().and_then(|part| part.message().source());
    let agent = own.map_or("", |source| source.agent.trim());
    if message.source().is_some() || agent.is_empty() {
        return message;
    }
    let agent = agent.to_owned();
    message.with_source(Source { kind: Kind::Subagent, agent, ..Source::default() })
}

fn verdict(body: Body, verdict: Verdict) -> Body {
    let body = body.text("verdict", verdict.as_str());
    match verdict {
        Verdict::Stop(cause) => body.text("cause", cause.as_str()),
        _ => body,
    }
}

fn error(body: Body, name: &str, detail: &str) -> Body {
    body.text("error", name).text("detail", detail)
}

fn numbered(n: &Number) -> Body {
    Body::new().maybe(n.as_ref(), |body, n| body.raw("n", n.get()))
}

fn refused(body: Body, why: &Error) -> Body {
    let name = match why {
        Error::Stale(_) => "stale",
        Error::GuardOpen => "guard_open",
        _ => "invalid",
    };
    error(body, name, &why.to_string())
}

impl<'run> Serving<'run> {
    pub fn new(app: &'run Arc<App>, run: &'run Run) -> Self {
        Self {
            app,
            run,
            course: Course::Open,
            taken: None,
            spawned: HashMap::new(),
            waits: Vec::new(),
            notify: false,
            missed: false,
            noticed: Vec::new(),
        }
    }

    /// Serves one line; a wait is answered later.
    pub fn serve(&mut self, line: &[u8]) -> Option<String> {
        let request = match request::read(line) {
            Ok(request) => request,
            Err(wrong) => {
                return Some(error(numbered(&wrong.n), "invalid", &wrong.detail).object());
            }
        };
        self.noticed.clear();
        if let Some(taken) = self.taken.take() {
            // Stale: the run was abandoned meanwhile, and they became turns.
            let _ = taken.commit();
        }
        self.answer(request).map(Body::object)
    }

    /// A line that is too long to be read.
    pub fn too_long(&self, most: usize) -> String {
        error(Body::new(), "too_long", &format!("a line has at most {most} bytes")).object()
    }

    /// The notice of a signal, if the agent asked for notices and has none of it unread.
    pub fn notice(&mut self, signal: Signal) -> Option<String> {
        self.missed |= signal == Signal::Steer && !self.notify;
        let body = match (signal, self.run.stopped()) {
            _ if !self.notify || self.noticed.contains(&signal) => return None,
            (Signal::Steer, _) => Body::new().text("notify", "steer"),
            (Signal::Stop, Some(cause)) => {
                Body::new().text("notify", "stop").text("cause", cause.as_str())
            }
            _ => return None,
        };
        self.noticed.push(signal);
        Some(body.object())
    }

    /// The notice of what came before notices were asked for, and the answers of the waits that
    /// are due.
    pub fn due(&mut self) -> Vec<String> {
        let missed = self.notify && std::mem::take(&mut self.missed);
        let late = missed.then(|| self.notice(Signal::Steer)).flatten();
        let (due, waits) =
            std::mem::take(&mut self.waits).into_iter().partition(|(_, w)| w.ready());
        self.waits = waits;
        let due: Vec<(Number, Waiting<'run, Reply>)> = due;
        let answers = due.into_iter().map(|(n, wait)| self.waited(&n, wait.finish()).object());
        late.into_iter().chain(answers).collect()
    }

    fn waited(&mut self, n: &Number, result: Result<Settled, WaitError>) -> Body {
        let body = numbered(n);
        match result {
            Ok(settled) => body
                .text("fate", settled.fate.as_str())
                .maybe(settled.outcome, |body, outcome| body.text("outcome", outcome.as_str()))
                .maybe(settled.reply, |body, reply| body.text("reply", reply.text())),
            Err(WaitError::Stopped(cause)) => self.stop(body, cause),
            Err(WaitError::WouldDeadlock(cycle)) => body
                .text("error", "would_deadlock")
                .texts("cycle", cycle.iter().map(String::as_str)),
            Err(other) => error(body, "stale", &other.to_string()),
        }
    }

    fn stop(&mut self, body: Body, cause: Cause) -> Body {
        self.course = Course::ToldToStop;
        verdict(body, Verdict::Stop(cause))
    }

    fn say_verdict(&mut self, body: Body, answer: Verdict) -> Body {
        match answer {
            Verdict::Stop(cause) => self.stop(body, cause),
            answer => verdict(body, answer),
        }
    }

    fn answer(&mut self, Request { n, ask }: Request) -> Option<Body> {
        let body = numbered(&n);
        // P6: stop beats everything that would begin something; what has ended is still heard.
        let heard = matches!(ask, Ask::Finish { .. } | Ask::Settle | Ask::End(_));
        if let Some(cause) = self.run.stopped().filter(|_| !heard) {
            return Some(self.stop(body, cause));
        }
        Some(match ask {
            Ask::Hello { notify } => {
                self.notify = notify;
                body.flag("ok", true)
            }
            Ask::Boundary => {
                let answer = self.run.boundary();
                self.say_verdict(body, answer)
            }
            Ask::Take => self.take(body),
            Ask::Steerable(on) => match self.run.set_steerable(on) {
                Ok(()) => body.flag("ok", true),
                Err(why) => refused(body, &why),
            },
            Ask::Say(text) => {
                self.run.say(text);
                body.flag("ok", true)
            }
            Ask::Spawn(message) => self.spawn(body, message.get()),
            Ask::Wait(id) => return self.wait(n, &id),
            Ask::End(text) => self.end(body, text),
            ask => self.tools(body, ask),
        })
    }

    fn tools(&mut self, body: Body, ask: Ask) -> Body {
        if let Ask::Plan(calls) = ask {
            return match self.run.plan(calls) {
                Ok(_) => verdict(body, Verdict::Go),
                Err(why) => refused(body, &why),
            };
        }
        let Some(ledger) = self.run.ledger() else {
            return error(body, "no_plan", "no plan is open: begin with {\"plan\":[...]}");
        };
        let answer = match ask {
            Ask::Start(call) => ledger.start(&call).map(Some),
            Ask::StartAll => ledger.start_rest().map(|all| all.first().map(|(_, launch)| *launch)),
            Ask::Finish { call, result } => {
                return match ledger.finish(&call, result) {
                    Ok(answer) => self.say_verdict(body, answer),
                    Err(why) => refused(body, &why),
                };
            }
            _ => return settle(body, &ledger),
        };
        match answer {
            Ok(Some(Launch::Stop(cause))) => self.stop(body, cause),
            Ok(Some(Launch::Skip(Why::Steer))) => body.text("verdict", "skip").text("why", "steer"),
            Ok(Some(Launch::Skip(_))) => body.text("verdict", "skip"),
            Ok(Some(Launch::Go) | None) => verdict(body, Verdict::Go),
            Err(why) => refused(body, &why),
        }
    }

    fn take(&mut self, body: Body) -> Body {
        let steers = self.run.take_steers();
        self.give(body, steers)
    }

    /// Hands steers to the agent; they are delivered with its next request.
    fn give(&mut self, body: Body, steers: Steers<'run>) -> Body {
        self.missed = false;
        let messages: Vec<String> = steers.messages().map(first::message).collect();
        self.taken = Some(steers).filter(|steers| !steers.is_empty());
        body.raw("steers", &format!("[{}]", messages.join(",")))
    }

    fn end(&mut self, body: Body, text: String) -> Body {
        match self.run.end() {
            Ok(End::Closed) => {
                self.course = Course::Ended(text);
                body.flag("closed", true)
            }
            Ok(End::Steers(steers)) => {
                self.run.say(text);
                self.give(body, steers)
            }
            Ok(End::Stop(cause)) => self.stop(body, cause),
            Err(why) => refused(body, &why),
        }
    }

    fn spawn(&mut self, body: Body, message: &str) -> Body {
        let message = match fields::read(message.as_bytes()) {
            Ok(Asked::Message { message, .. }) => message,
            Ok(Asked::Control(_)) => return error(body, "invalid", "a spawn is a message"),
            Err(detail) => return error(body, "invalid", &detail),
        };
        let message = of_agent(message, self.run);
        let bytes = message.text().len();
        match self.app.books().admit(bytes, || self.run.spawn(message)) {
            Ok(receipt) => {
                let id = receipt.id().to_string();
                self.spawned.insert(id.clone(), receipt);
                body.text("id", &id)
            }
            Err(refused) => error(body, refused.reason.as_str(), &refused.detail),
        }
    }

    fn wait(&mut self, n: Number, id: &str) -> Option<Body> {
        let known = self.spawned.get(id).cloned().or_else(|| self.app.books().receipt(id));
        let Some(receipt) = known else {
            return Some(error(numbered(&n), "unknown", &format!("no message has the id {id:?}")));
        };
        if let Some(settled) = receipt.settled() {
            return Some(self.waited(&n, Ok(settled)));
        }
        if self.waits.len() >= WAITS {
            return Some(error(
                numbered(&n),
                "full",
                &format!("{WAITS} waits are open: the bound"),
            ));
        }
        match self.run.wait_begin(&receipt) {
            Ok(waiting) => {
                self.waits.push((n, waiting));
                None
            }
            Err(why) => Some(self.waited(&n, Err(why))),
        }
    }
}

fn settle(body: Body, ledger: &Ledger<'_>) -> Body {
    let results = match ledger.settle() {
        Ok(results) => results,
        Err(open) => {
            return body.text("error", "calls_open").texts("calls", open.0.iter().map(|c| &**c));
        }
    };
    let one = |call: &laneq::CallResult| {
        Body::new()
            .text("call", &call.call)
            .text("state", call.state.as_str())
            .flag("error", call.error)
            .text("effects", call.effects.as_str())
            .maybe(call.code, |body, code| body.text("code", code.as_str()))
            .raw("result", call.result.as_deref().unwrap_or("null"))
            .object()
    };
    body.raw("results", &format!("[{}]", results.iter().map(one).collect::<Vec<_>>().join(",")))
}
