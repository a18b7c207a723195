//! The live status line, on a terminal.

use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use laneq::{Fate, Stats};

use super::app::App;
use super::table::grouped;

/// How often it is drawn anew.
const TICK: Duration = Duration::from_millis(100);

/// The status line; it goes with [`finish`](Self::finish).
pub struct Status(Option<(Sender<()>, JoinHandle<()>)>);

/// Shows the status line if standard error is a terminal.
pub fn show(app: &Arc<App>) -> Status {
    let bar = ProgressBar::new_spinner().with_style(style());
    if bar.is_hidden() {
        return Status(None);
    }
    bar.set_draw_target(ProgressDrawTarget::stderr_with_hz(20));
    let app = Arc::clone(app);
    let (stop, stopped) = channel();
    let body = move || {
        let bar = app.feed.console.show(bar);
        while let Err(RecvTimeoutError::Timeout) = stopped.recv_timeout(TICK) {
            bar.set_message(words(&app.engine.stats()));
            bar.tick();
        }
        bar.finish_and_clear();
    };
    let thread = thread::Builder::new().name("laneq-status".to_owned()).spawn(body);
    Status(thread.ok().map(|thread| (stop, thread)))
}

impl Status {
    pub fn finish(self) {
        if let Some((stop, thread)) = self.0 {
            drop(stop);
            // It only draws: there is nothing to report.
            let _ = thread.join();
        }
    }
}

fn style() -> ProgressStyle {
    ProgressStyle::with_template("{spinner} {elapsed_precise}  {wide_msg}")
        .unwrap_or_else(|_| ProgressStyle::default_spinner())
}

/// Lanes that do something, then the totals.
fn words(stats: &Stats) -> String {
    let mut parts = Vec::new();
    for lane in stats.lanes.iter().filter(|l| l.executing + l.ready + l.waiting > 0) {
        let mut part = format!("{} {}/{}", lane.name, lane.executing, lane.concurrency);
        if lane.ready > 0 {
            part += &format!(" (+{} ready)", lane.ready);
        }
        parts.push(part);
    }
    parts.push(format!("{} pending", grouped(stats.pending)));
    for fate in Fate::ALL.into_iter().filter(|f| *f == Fate::Ran || stats.fate(*f) > 0) {
        parts.push(format!("{} {fate}", grouped(stats.fate(fate))));
    }
    parts.join(" | ")
}
