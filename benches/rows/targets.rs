//! What must hold and what is aimed at, as ratios within a round.

use super::peers::OURS;
use super::samples::{Figure, Samples, Spread};

/// What a figure of ours is held against.
#[derive(Clone, Copy)]
pub enum Against {
    /// Its own value.
    Itself,
    /// So many times this one.
    Times(Figure<'static>),
    /// So much above this one.
    Above(Figure<'static>),
}

impl Against {
    /// Nothing beats what it is made of: such a figure says that the machine was busy.
    fn is_beaten(self, value: f64) -> bool {
        match self {
            Self::Times(figure) => figure.metric.starts_with("bare_") && value < 0.8,
            Self::Above(_) => value < 0.0,
            Self::Itself => false,
        }
    }
}

#[derive(Clone, Copy)]
pub enum Bound {
    Most(f64),
    Least(f64),
    /// Nothing is asked.
    Free,
}

impl Bound {
    pub fn holds(self, value: f64) -> bool {
        match self {
            Self::Most(bound) => value <= bound,
            Self::Least(bound) => value >= bound,
            Self::Free => true,
        }
    }

    pub fn words(self) -> String {
        match self {
            Self::Most(bound) => format!("<= {bound}"),
            Self::Least(bound) => format!(">= {bound}"),
            Self::Free => String::new(),
        }
    }
}

#[derive(Clone, Copy)]
pub struct Target {
    pub row: &'static str,
    pub metric: &'static str,
    pub against: Against,
    pub must: Bound,
    pub aim: Bound,
}

/// How a target came out.
pub struct Verdict {
    pub target: Target,
    /// None: it, or what it is held against, was not measured.
    pub came: Option<Spread>,
}

impl Verdict {
    /// In a word; `aim` is also `holds`.
    pub fn word(&self) -> &'static str {
        let Some(value) = self.came.map(|came| came.median) else { return "not measured" };
        match self.target {
            target if !target.must.holds(value) => "MISSED",
            target if target.against.is_beaten(value) => "noise: better than the bare one",
            target if target.aim.holds(value) => "aim",
            Target { must: Free, .. } => "behind",
            _ => "holds",
        }
    }

    /// `x limits lb_ns`, as it stands behind the number.
    pub fn against(&self) -> String {
        let named = |figure: Figure<'_>| match (figure.who, figure.row) {
            (OURS, row) if row == self.target.row => figure.metric.to_owned(),
            (OURS, "limits") => format!("limits {}", figure.metric),
            (OURS, row) => format!("own {row} {}", figure.metric),
            (who, row) if row == self.target.row => who.to_owned(),
            (who, row) => format!("{who} {row}"),
        };
        match self.target.against {
            Against::Itself => String::new(),
            Against::Times(figure) => format!("x {}", named(figure)),
            Against::Above(figure) => format!("above {}", named(figure)),
        }
    }
}

const fn times(who: &'static str, row: &'static str, metric: &'static str) -> Against {
    Against::Times(Figure { who, row, metric })
}

const fn target(
    row: &'static str,
    metric: &'static str,
    against: Against,
    must: Bound,
    aim: Bound,
) -> Target {
    Target { row, metric, against, must, aim }
}

const fn above(row: &'static str, metric: &'static str) -> Against {
    Against::Above(Figure { who: OURS, row, metric })
}

use Against::Itself;
use Bound::{Free, Least, Most};

/// Growth of the cost of each, ten times as many: 10 would be quadratic, and memory that no longer
/// fits the caches is no fault.
const LINEAR: Bound = Most(3.0);

/// `ratios in one run`: see `Samples::paired`.
#[rustfmt::skip]
const TARGETS: [Target; 42] = [
    target("W1", "ns_task", times(OURS, "limits", "lb_ns"), Most(0.40), Most(0.28)),
    target("W1", "ns_task", times("asio-strand", "W1", "ns_task"), Most(0.30), Most(0.30)),
    target("W1", "ns_task", times("tokio-mpsc", "W1", "ns_task"), Most(0.28), Most(0.28)),
    target("W1", "ns_task", times("go-chan", "W1", "ns_task"), Most(0.90), Most(0.90)),
    target("W1", "ns_task", times("java-guava", "W1", "ns_task"), Most(1.25), Most(1.0)),
    target("W1k", "ns_task", times("tokio-mpsc", "W1k", "ns_task"), Most(0.85), Most(0.45)),
    target("W1t", "ns_task", times(OURS, "W1", "ns_task"), Most(2.5), Most(1.7)),
    target("W1m", "ns_task", times(OURS, "W1k", "ns_task"), Most(2.5), Most(1.5)),
    target("W2", "ns_task", times("tokio-mpsc", "W2", "ns_task"), Most(0.60), Most(0.60)),
    target("W2", "ns_task", times("go-chan", "W2", "ns_task"), Most(1.2), Most(1.0)),
    target("W3", "ns_session", times("tokio-mpsc", "W3", "ns_session"), Most(0.62), Most(0.62)),
    target("W3", "ns_session", times("asio-strand", "W3", "ns_session"), Free, Most(1.0)),
    target("W3", "peak_MB", Itself, Most(256.0), Most(64.0)),
    target("W3", "grown_MB", Itself, Most(1.0), Most(1.0)),
    target("W4", "efficiency_pct", Itself, Least(94.0), Least(97.0)),
    target("W5", "p50_us", times(OURS, "W5", "bare_p50_us"), Most(1.4), Most(1.15)),
    target("W5", "p99_us", times(OURS, "W5", "bare_p99_us"), Most(1.8), Most(1.3)),
    target("W5", "p999_us", times(OURS, "W5", "bare_p999_us"), Most(2.5), Most(1.6)),
    target("W6", "p99_us", times("asio-strand", "W6", "p99_us"), Most(1.5), Most(1.0)),
    target("W6", "max_us", Itself, Most(5_000.0), Most(5_000.0)),
    target("W7-100000", "total_ns", times(OURS, "W7-1000", "total_ns"), Most(1.8), Most(1.3)),
    target("W7-1000000", "total_ns", times(OURS, "W7-1000", "total_ns"), Most(5.0), Most(2.5)),
    target("W8", "bytes_closure", Itself, Most(56.0), Most(48.0)),
    target("W8", "bytes_message", Itself, Most(400.0), Most(256.0)),
    target("W8", "bytes_session", Itself, Most(224.0), Most(160.0)),
    target("steer", "p50_us", above("steer", "bare_p50_us"), Most(2.0), Most(1.0)),
    target("steer", "p99_us", above("steer", "bare_p99_us"), Most(20.0), Most(10.0)),
    target("cancel", "message_100k_ns", Itself, Most(250.0), Most(120.0)),
    target("cancel", "child_10k_ns", Itself, Most(250.0), Most(120.0)),
    target("cancel", "message_growth", Itself, LINEAR, LINEAR),
    target("cancel", "child_growth", Itself, LINEAR, LINEAR),
    target("threads", "worker_KiB", Itself, Most(40.0), Most(40.0)),
    target("threads", "p99_us", times("asio-strand", "W6", "p99_us"), Most(1.5), Most(1.5)),
    target("threads", "p99_us", times(OURS, "threads", "bare_p99_us"), Most(1.8), Most(1.3)),
    target("threads", "max_us", Itself, Most(5_000.0), Most(5_000.0)),
    target("W1", "ns_task", times("tokio-mutex", "W1", "ns_task"), Free, Most(1.0)),
    target("W1", "ns_task", times("ractor", "W1", "ns_task"), Free, Most(1.0)),
    target("W1", "ns_task", times("rayon-mutex", "W1", "ns_task"), Free, Most(1.0)),
    target("W1", "ns_task", times("std-mpsc", "W1", "ns_task"), Free, Most(1.0)),
    target("W5", "p50_us", times("tokio-mpsc", "W5", "p50_us"), Free, Most(1.0)),
    target("W5", "p99_us", times("tokio-mpsc", "W5", "p99_us"), Free, Most(1.0)),
    target("W5", "p999_us", times("tokio-mpsc", "W5", "p999_us"), Free, Most(1.0)),
];

pub fn judge(samples: &Samples) -> Vec<Verdict> {
    let came = |target: &Target| {
        let ours = Figure { who: OURS, row: target.row, metric: target.metric };
        match target.against {
            Itself => samples.spread(ours),
            Against::Times(other) => samples.paired(ours, other, |a, b| a / b),
            Against::Above(other) => samples.paired(ours, other, |a, b| a - b),
        }
    };
    TARGETS.iter().map(|target| Verdict { target: *target, came: came(target) }).collect()
}
