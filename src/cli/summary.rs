//! The totals at the end, on standard error.

use std::fmt::Write as _;
use std::time::Duration;

use laneq::{Fate, LaneStats};

use super::app::App;
use super::books::Totals;
use super::table::{aligned, grouped, span};

const OUTCOMES: [&str; 4] = ["done", "failed", "stopped", "panicked"];

/// The words of a finished program.
pub fn text(app: &App, took: Duration) -> String {
    let (totals, stats) = (app.books().totals(), app.engine.stats());
    let mut text = headline(&totals, took);
    text.push_str(&notable(&totals));
    let lanes: Vec<&LaneStats> = stats.lanes.iter().filter(|lane| lane.run.count > 0).collect();
    if !lanes.is_empty() {
        text.push_str(&aligned(&rows(&lanes)));
    }
    let broken = stats.order_violations + stats.double_runs + stats.events_lost;
    if broken > 0 {
        let _ = writeln!(
            text,
            "laneq: BROKEN: order_violations {}, double_runs {}, events_lost {}",
            stats.order_violations, stats.double_runs, stats.events_lost
        );
    }
    text
}

fn counted<'a>(pairs: impl Iterator<Item = (&'a str, u64)>) -> String {
    let parts: Vec<String> =
        pairs.filter(|(_, n)| *n > 0).map(|(word, n)| format!("{} {word}", grouped(n))).collect();
    if parts.is_empty() { "none".to_owned() } else { parts.join(", ") }
}

fn headline(totals: &Totals, took: Duration) -> String {
    let fates = counted(Fate::ALL.iter().map(|f| (f.as_str(), totals.fates[*f as usize])));
    let outcomes = counted(OUTCOMES.into_iter().zip(totals.outcomes));
    let runs: u64 = totals.outcomes.iter().sum();
    let mut text = format!(
        "laneq: {} messages in {}: {fates}\n       {} runs: {outcomes}\n",
        grouped(totals.accepted),
        span(took),
        grouped(runs)
    );
    if totals.refused + totals.invalid > 0 {
        let (refused, invalid) = (grouped(totals.refused), grouped(totals.invalid));
        let _ = writeln!(text, "       {refused} messages refused, {invalid} input lines invalid");
    }
    text
}

/// What the queue did besides running one message after the other.
fn notable(totals: &Totals) -> String {
    let mut text = String::new();
    let (merged, of) = totals.merged;
    if merged > 0 {
        let _ =
            writeln!(text, "       {} messages merged into {} runs", grouped(of), grouped(merged));
    }
    if totals.delivered + totals.promoted > 0 {
        let (delivered, promoted) = (grouped(totals.delivered), grouped(totals.promoted));
        let _ = writeln!(text, "       {delivered} steers delivered, {promoted} became turns");
    }
    if totals.kept > 0 {
        let kept = grouped(totals.kept);
        let _ = writeln!(text, "       {kept} of them kept in the journal: they come back");
    }
    if totals.retries > 0 {
        let _ = writeln!(text, "       {} retries", grouped(totals.retries));
    }
    text
}

fn rows(lanes: &[&LaneStats]) -> Vec<Vec<String>> {
    let heading =
        ["lane", "runs", "run p50", "run p99", "lane wait p50", "p99", "message wait p50", "p99"];
    let mut rows = vec![heading.map(str::to_owned).to_vec()];
    for lane in lanes {
        rows.push(vec![
            format!("  {}", lane.name),
            grouped(lane.run.count),
            span(lane.run.p50),
            span(lane.run.p99),
            span(lane.lane_wait.p50),
            span(lane.lane_wait.p99),
            span(lane.message_wait.p50),
            span(lane.message_wait.p99),
        ]);
    }
    rows[0][0] = "  lane".to_owned();
    rows
}
