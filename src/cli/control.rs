//! Controls: each is carried out at once and answered by one line.

use std::time::{Duration, SystemTime};

use laneq::{Concurrency, Error, Message, RunId, Stopped, Withdrawn};

use super::app::App;
use super::books::Known;
use super::fields::Control;
use super::output::{Body, quoted};
use super::table;

/// Every control, for the error that names an unknown one.
const CONTROLS: &str = "interrupt, stop, withdraw, abandon, lane, pause, resume, reload, stats, \
    list, requeue, drain";

/// What a control came to: JSON for `result`; or words for `detail`.
type Answer = Result<String, String>;

/// Carries a control out and answers it.
pub fn obey(app: &App, order: &Control) {
    let answer = act(app, order);
    let body = Body::new()
        .maybe(order.n.as_ref(), |body, n| body.raw("n", n.get()))
        .maybe(order.id.as_ref(), |body, id| body.text("id", id));
    match answer {
        Ok(result) => {
            app.say("control.done", body.raw("result", &result));
        }
        Err(detail) => {
            app.say("control.failed", body.text("result", "failed").text("detail", &detail));
        }
    }
}

/// A message where only controls are read.
pub fn refuse_message(app: &App, message: &Message) {
    let detail = "a message in the control input: only controls are read here";
    let body = Body::new().maybe(message.id(), |body, id| body.text("id", id));
    app.say("control.failed", body.text("result", "failed").text("detail", detail));
}

fn act(app: &App, order: &Control) -> Answer {
    let engine = &app.engine;
    match order.control.as_str() {
        "interrupt" => match target(order)? {
            Target::Run(run) => done(engine.interrupt_run(run).map(|()| ran(run))),
            Target::Key(key) => match engine.interrupt(key) {
                Some(run) => Ok(ran(run)),
                None => Err(format!("nothing runs under the key {key:?}")),
            },
        },
        "stop" => match target(order)? {
            Target::Run(run) => done(engine.stop_run(run).map(stopped)),
            Target::Key(key) => Ok(stopped(engine.stop(key))),
        },
        "withdraw" => withdraw(app, order),
        "abandon" => {
            let run = need(order.run, "run")?;
            done(engine.abandon(run).map(|()| ran(run)))
        }
        "lane" => set_lane(app, order),
        "pause" => {
            let lane = need(order.lane.as_deref(), "lane")?;
            done(engine.pause(lane).map(|()| "\"paused\"".to_owned()))
        }
        "resume" => {
            let lane = need(order.lane.as_deref(), "lane")?;
            done(engine.resume(lane).map(|()| "\"resumed\"".to_owned()))
        }
        "stats" => Ok(stats(app)),
        "list" => Ok(list(app, order.key.as_deref())),
        "requeue" => requeue(app, order),
        "drain" => {
            let within = order.ms.map_or(app.in_use().drain, Duration::from_millis);
            app.drain(within);
            Ok("\"draining\"".to_owned())
        }
        "reload" => reload(app, order),
        other => Err(format!("unknown control {other:?}: one of {CONTROLS}")),
    }
}

enum Target<'a> {
    Key(&'a str),
    Run(RunId),
}

fn target(order: &Control) -> Result<Target<'_>, String> {
    match (&order.key, order.run) {
        (_, Some(run)) => Ok(Target::Run(run)),
        (Some(key), None) => Ok(Target::Key(key)),
        (None, None) => Err(format!("{} needs a key or a run", order.control)),
    }
}

fn need<T>(field: Option<T>, name: &str) -> Result<T, String> {
    field.ok_or_else(|| format!("the field {name:?} is missing"))
}

fn done(result: Result<String, Error>) -> Answer {
    result.map_err(|error| error.to_string())
}

fn ran(run: RunId) -> String {
    Body::new().number("run", run.get()).object()
}

fn stopped(met: Stopped) -> String {
    let body = Body::new().number("withdrawn", met.withdrawn.into());
    body.maybe(met.run, |body, run| body.number("run", run.get())).object()
}

/// A directive was carried out: its answer, and a reply for the person that belongs to no run.
pub fn answer(app: &App, message: &Message, words: &str) {
    let source = message.source().and_then(|source| serde_json::to_string(source).ok());
    let body = Body::new()
        .text("key", message.key())
        .texts("messages", message.id())
        .maybe(source, |body, source| body.raw("source", &source))
        .maybe(message.meta(), |body, meta| body.raw("meta", meta))
        .text("text", words)
        .flag("final", true)
        .flag("truncated", false);
    app.say("reply", body);
    let body = Body::new().maybe(message.id(), |body, id| body.text("id", id));
    app.say("control.done", body.raw("result", "\"directive\"").text("detail", words));
}

fn withdraw(app: &App, order: &Control) -> Answer {
    let id = need(order.id.as_deref(), "id")?;
    let Some(receipt) = app.books().receipt(id) else {
        return Err(format!("no pending message has the id {id:?}"));
    };
    match app.engine.withdraw(&receipt) {
        Withdrawn::Withdrawn => Ok("\"withdrawn\"".to_owned()),
        Withdrawn::InDelivery => Err("it is in delivery to the run in progress".to_owned()),
        Withdrawn::Started => Err("its run has started".to_owned()),
        _ => Err("it has its fate already".to_owned()),
    }
}

fn set_lane(app: &App, order: &Control) -> Answer {
    let lane = need(order.lane.as_deref(), "lane")?;
    let value = need(order.concurrency.as_ref(), "concurrency")?;
    let concurrency = match value {
        serde_json::Value::String(word) if word == "unlimited" => Ok(Concurrency::Unlimited),
        value => Concurrency::from_number(value.as_f64().unwrap_or(f64::NAN)).map_err(|_| {
            format!("concurrency {value}: a whole number from 0 (paused) to 4096, or \"unlimited\"")
        }),
    }?;
    let known = app.engine.stats().lanes.iter().any(|known| known.name == lane);
    if !known {
        return Err(table::unknown_lane(&app.engine, lane));
    }
    done(app.engine.set_lane(lane, concurrency).map(|()| quoted(&concurrency.to_string())))
}

fn stats(app: &App) -> String {
    let stats = app.engine.stats();
    app.say("stats", stats.json());
    "\"stats\"".to_owned()
}

fn list(app: &App, key: Option<&str>) -> String {
    let (pending, parked) = app.books().all();
    let mut all: Vec<_> = pending.into_iter().map(|known| (known, false)).collect();
    all.extend(parked.into_iter().map(|known| (known, true)));
    all.retain(|(known, _)| key.is_none_or(|key| known.receipt.key() == key));
    all.sort_by_cached_key(|(known, parked)| {
        (known.receipt.key().to_owned(), *parked, known.since, known.receipt.id().to_string())
    });
    let entries: Vec<_> = all.iter().map(|(known, parked)| listed(known, *parked)).collect();
    format!("[{}]", entries.join(","))
}

fn listed(known: &Known, parked: bool) -> String {
    let state = match (parked, known.attempt) {
        (true, _) => "parked",
        (false, 0) => "pending",
        (false, _) => "started",
    };
    // A wall clock that was put back shows no negative age.
    let age = SystemTime::now().duration_since(known.since).unwrap_or_default();
    Body::new()
        .text("id", &known.receipt.id().to_string())
        .text("key", known.receipt.key())
        .text("placement", known.receipt.placement().as_str())
        .text("state", state)
        .millis("age_ms", age)
        .number("attempt", known.attempt.into())
        .object()
}

fn reload(app: &App, order: &Control) -> Answer {
    app.reload(order.config.as_deref()).map(|words| quoted(&words))
}

fn requeue(app: &App, order: &Control) -> Answer {
    let id = need(order.id.as_deref(), "id")?;
    let parked = app.books().unpark(id);
    let parked = parked.and_then(|known| Some((known.receipt.message().cloned()?, known)));
    let Some((message, known)) = parked else {
        return Err(format!("no parked message has the id {id:?}"));
    };
    let bytes = message.text().len();
    let message = message.with_requeued_from(id);
    match app.books().admit(bytes, || app.engine.submit(message)) {
        Ok(receipt) => Ok(quoted(&receipt.id().to_string())),
        Err(refused) => {
            // It can be asked for again when there is room.
            app.books().park(known);
            Err(refused.to_string())
        }
    }
}
