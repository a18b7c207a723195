//! The jsonl protocol: a conversation, one request and one answer a line.

use std::sync::Arc;
use std::time::Instant;

use laneq::{BoxError, Cause, Reply, Run, Signal};

use super::process::{Cut, Heard, Process};
use super::serve::{Course, Serving};
use super::{Agent, first};
use crate::cli::app::App;

/// Longest request.
const LINE: usize = 16 << 20;

/// One run.
pub fn handle(agent: &Agent, app: &Arc<App>, run: &Run) -> Result<Reply, BoxError> {
    let failed = |error: std::io::Error| {
        run.fail_with(Cause::Exit);
        BoxError::from(error)
    };
    let mut process = Process::start(agent, app, run, Cut::Lines(LINE)).map_err(failed)?;
    let mut serving = Serving::new(app, run);
    send(&mut process, first::line(run));
    converse(agent, &mut process, &mut serving);
    let status = process.end().map_err(failed)?;
    // What it asked for before it ended still counts: a last `end`, say.
    process.rest(|heard| {
        if let Heard::Output(line) = heard
            && !matches!(serving.course, Course::Ended(_))
        {
            let _ = serving.serve(&line);
        }
    });
    if let Some(ledger) = run.ledger() {
        ledger.give_up();
        // P6: each call has its result, also if nobody asked for it: the transcript has it.
        let _ = ledger.settle();
    }
    match &serving.course {
        Course::Ended(text) => Ok(Reply::new(text.as_str())),
        _ if process.was_signalled() => Err("the agent was stopped".into()),
        Course::ToldToStop => Err("the agent ended when it was told to".into()),
        Course::Open if status.success() => Ok(Reply::new("")),
        Course::Open => {
            run.fail_with(Cause::Exit);
            Err(format!("the agent ended with {status}").into())
        }
    }
}

fn send(process: &mut Process, mut line: String) {
    line.push('\n');
    process.write(line);
}

/// Serves requests until the process has ended.
fn converse(agent: &Agent, process: &mut Process, serving: &mut Serving<'_>) {
    // When an agent that was stopped, or has ended its run, is pressed to end.
    let mut patience: Option<Instant> = None;
    loop {
        let before = serving.course.clone();
        match process.next(patience) {
            Heard::Exited => return,
            // After its end nothing is served any more.
            Heard::Output(_) | Heard::TooLong if matches!(before, Course::Ended(_)) => {}
            Heard::Output(line) => {
                // Whoever writes more than anybody reads waits, like the end of a run.
                if let Some(answer) = serving.serve(&line) {
                    send(process, answer);
                }
                serving.due().into_iter().for_each(|answer| send(process, answer));
            }
            Heard::TooLong => send(process, serving.too_long(LINE)),
            Heard::Signal(signal) => {
                if signal == Signal::Stop && before == Course::Open {
                    patience = patience.or_else(|| Some(Instant::now() + agent.grace));
                }
                serving.notice(signal).into_iter().for_each(|notice| send(process, notice));
                serving.due().into_iter().for_each(|answer| send(process, answer));
            }
            Heard::Silent => {}
            Heard::Time => {
                process.press();
                patience = None;
            }
        }
        if before != serving.course && !process.was_signalled() {
            patience = Some(Instant::now() + agent.grace);
            if matches!(serving.course, Course::Ended(_)) {
                process.close_input();
            }
        }
    }
}
