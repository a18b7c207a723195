//! The built-in agent: three tool calls with short waits, steered like a real one.

use std::time::Duration;

use laneq::{BoxError, End, Launch, Ledger, Reply, Run, Verdict};

const CALLS: [&str; 3] = ["search", "read", "write"];
const PAUSE: Duration = Duration::from_millis(200);

/// One run: plan, call, take in what arrives meanwhile, answer.
pub fn handle(run: &Run) -> Result<Reply, BoxError> {
    let mut heard: Vec<String> = run.batch().messages().map(|part| part.text().into()).collect();
    loop {
        let ledger = run.plan(CALLS)?;
        call_tools(run, &ledger)?;
        let done = ledger.settle()?.iter().filter(|call| !call.error).count();
        match run.end()? {
            End::Closed => return Ok(answer(&heard, done)),
            End::Stop(cause) => return Err(format!("stopped: {cause}").into()),
            End::Steers(steers) => {
                heard.extend(steers.messages().map(|part| part.text().into()));
                steers.commit()?;
            }
        }
    }
}

/// Serial, as agents do by default; what a steer or a stop skips is not started.
fn call_tools(run: &Run, ledger: &Ledger<'_>) -> Result<(), BoxError> {
    for call in CALLS {
        if ledger.start(call)? != Launch::Go {
            return Ok(());
        }
        // A tool that waits hears of a stop at once.
        let cancelled = run.token().wait(PAUSE).is_some();
        let result = if cancelled { Err("cut short".to_owned()) } else { Ok("42".to_owned()) };
        if ledger.finish(call, result)? != Verdict::Go {
            return Ok(());
        }
    }
    Ok(())
}

fn answer(heard: &[String], done: usize) -> Reply {
    let last: String = heard.last().map_or("", String::as_str).chars().take(60).collect();
    let calls = if done == 1 { "call" } else { "calls" };
    Reply::from(match heard.len() {
        1 => format!("done after {done} {calls}: {last}"),
        n => format!("done after {done} {calls}, {n} messages at once, the last: {last}"),
    })
}
