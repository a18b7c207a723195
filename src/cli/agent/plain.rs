//! The plain protocol: the merged text goes in, the reply comes out, the exit code is the outcome.

use std::sync::Arc;

use laneq::{BoxError, Cause, Reply, Run, Signal};

use super::Agent;
use super::process::{Cut, Heard, Process};
use crate::cli::app::App;
use crate::cli::output::REPLY_BYTES;

/// A reply that grows up to its bound, and knows whether it went over.
#[derive(Debug, Default)]
struct Growing(Vec<u8>);

impl Growing {
    /// Keeps a little more than a reply may have: the event then says that it was truncated.
    fn add(&mut self, bytes: &[u8]) {
        let room = (REPLY_BYTES + 8).saturating_sub(self.0.len());
        self.0.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    /// Without the line end that commands put last.
    fn reply(self) -> Reply {
        let mut text = String::from_utf8_lossy(&self.0).into_owned();
        if text.ends_with('\n') {
            text.pop();
        }
        Reply::from(text)
    }
}

/// One run.
pub fn handle(agent: &Agent, app: &Arc<App>, run: &Run) -> Result<Reply, BoxError> {
    let failed = |error: std::io::Error| {
        run.fail_with(Cause::Exit);
        BoxError::from(error)
    };
    let mut process = Process::start(agent, app, run, Cut::Bytes).map_err(failed)?;
    process.write(run.batch().text().as_bytes());
    process.close_input();
    let mut reply = Growing::default();
    let mut silent = false;
    loop {
        match process.next(None) {
            Heard::Output(bytes) => reply.add(&bytes),
            Heard::TooLong | Heard::Signal(Signal::Steer | Signal::Waited) => {}
            Heard::Signal(_) | Heard::Time => process.press(),
            Heard::Silent => silent = true,
            Heard::Exited => break,
        }
    }
    let status = process.end().map_err(failed)?;
    if !silent {
        process.rest(|heard| {
            if let Heard::Output(bytes) = heard {
                reply.add(&bytes);
            }
        });
    }
    if process.was_signalled() {
        return Err("the agent was stopped".into());
    }
    if !status.success() {
        run.fail_with(Cause::Exit);
        return Err(format!("the agent ended with {status}").into());
    }
    Ok(reply.reply())
}
