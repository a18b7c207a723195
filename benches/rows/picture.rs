//! One SVG picture a row: a bar for each, as long as its median, with a line from least to most.

use std::fmt::Write as _;
use std::path::Path;

use super::Failure;
use super::machine::Machine;
use super::peers::OURS;
use super::report::number;
use super::samples::{Figure, Samples, Spread};

/// What a picture shows: figures of a row, and what they are called.
type Panel = (&'static str, &'static str);

/// Beside our figure of a row: what the machine allows, from another figure of ours.
type Limit = (&'static str, &'static str, Figure<'static>);

const fn own(row: &'static str, metric: &'static str) -> Figure<'static> {
    Figure { who: OURS, row, metric }
}

const TASK: &[Panel] = &[("ns_task", "ns a task")];
const WAKE: &[Panel] = &[("p50_us", "p50, us"), ("p99_us", "p99, us"), ("p999_us", "p99.9, us")];
const LATENCY: &[Panel] = &[("p50_us", "p50, us"), ("p99_us", "p99, us"), ("max_us", "most, us")];
const STEER: &[Panel] = &[("p50_us", "p50, us"), ("p99_us", "p99, us")];
const GROWTH: &[Panel] = &[("total_ns", "ns a task, submitted and drained")];

const PICTURES: [(&str, &str, &[Panel]); 19] = [
    ("W1", "W1: 10,000 sessions x 100 closures, by handle", TASK),
    ("W1k", "W1k: the same by key", TASK),
    ("W1t", "W1t: the same with a receipt each", TASK),
    ("W1m", "W1m: the same as messages", TASK),
    ("W1m41", "W1m41: the same with texts of 41 bytes", TASK),
    ("W2", "W2: one hot session", TASK),
    (
        "W3",
        "W3: 1,000,000 keys, once each",
        &[("ns_session", "ns a session"), ("peak_MB", "peak, MB"), ("grown_MB", "grown, MB")],
    ),
    ("W4", "W4: 10 us of work each (longer is better)", &[("efficiency_pct", "% of two cores")]),
    ("W5", "W5: idle engine, submit to start", WAKE),
    ("W6", "W6: second lane beside a full one", LATENCY),
    ("W6s", "W6s: no second lane", LATENCY),
    ("W7-1000", "W7: 1,000 live sessions with a backlog", GROWTH),
    ("W7-100000", "W7: 100,000 live sessions with a backlog", GROWTH),
    ("W7-1000000", "W7: 1,000,000 live sessions with a backlog", GROWTH),
    (
        "W8",
        "W8: memory",
        &[
            ("bytes_closure", "bytes a queued closure"),
            ("bytes_message", "bytes a queued message beside its text"),
            ("bytes_session", "bytes an idle session"),
        ],
    ),
    ("steer", "Steer: submit to the boundary that sees it", STEER),
    (
        "cancel",
        "Cancel: one stop, one token",
        &[
            ("message_10k_ns", "ns a message of 10,000"),
            ("message_100k_ns", "ns a message of 100,000"),
            ("child_1k_ns", "ns a token of 1,000"),
            ("child_10k_ns", "ns a token of 10,000"),
        ],
    ),
    (
        "threads",
        "Threads: another lane beside 2,000 blocked runs",
        &[("p50_us", "p50, us"), ("p99_us", "p99, us"), ("worker_KiB", "KiB a worker")],
    ),
    (
        "limits",
        "Limits of this machine",
        &[
            ("clock_ns", "clock, ns"),
            ("lock_ns", "lock, ns"),
            ("lock_queue_ns", "lock and queue, ns"),
            ("box_ns", "box, ns"),
            ("channel_ns", "channel, one thread, ns"),
            ("lb_ns", "LB, ns"),
            ("wake_p50_us", "wake, p50, us"),
            ("wake_p99_us", "wake, p99, us"),
        ],
    ),
];

const LIMITS: [(&str, Limit); 12] = [
    ("W1", ("ns_task", "limit (LB)", own("limits", "lb_ns"))),
    ("W1k", ("ns_task", "limit (LB)", own("limits", "lb_ns"))),
    ("W5", ("p50_us", "bare wake", own("W5", "bare_p50_us"))),
    ("W5", ("p99_us", "bare wake", own("W5", "bare_p99_us"))),
    ("W5", ("p999_us", "bare wake", own("W5", "bare_p999_us"))),
    ("steer", ("p50_us", "bare store, load", own("steer", "bare_p50_us"))),
    ("steer", ("p99_us", "bare store, load", own("steer", "bare_p99_us"))),
    ("threads", ("p50_us", "bare wake", own("threads", "bare_p50_us"))),
    ("threads", ("p99_us", "bare wake", own("threads", "bare_p99_us"))),
    ("W1t", ("ns_task", "laneq W1", own("W1", "ns_task"))),
    ("W1m", ("ns_task", "laneq W1k", own("W1k", "ns_task"))),
    ("W7-1000000", ("total_ns", "laneq, 1,000", own("W7-1000", "total_ns"))),
];

/// Writes a picture of each row that was measured; answers how many.
pub fn draw_all(
    folder: &Path,
    machine: &Machine,
    scale: f64,
    samples: &Samples,
) -> Result<usize, Failure> {
    let mut drawn = 0;
    for (row, title, panels) in PICTURES {
        let panels: Vec<(&str, Vec<Bar>)> = panels
            .iter()
            .map(|(metric, words)| (*words, bars(samples, row, metric)))
            .filter(|(_, bars)| !bars.is_empty())
            .collect();
        if panels.is_empty() {
            continue;
        }
        let size = if scale < 1.0 { format!("; {scale} of the full size") } else { String::new() };
        let foot = format!("{}{size}", machine.short());
        std::fs::write(folder.join(format!("{row}.svg")), draw(title, &panels, &foot))?;
        drawn += 1;
    }
    Ok(drawn)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Ours,
    Limit,
    Theirs,
}

struct Bar {
    name: String,
    kind: Kind,
    spread: Spread,
}

/// Ours first, then what the machine allows, then the others, best first.
fn bars(samples: &Samples, row: &str, metric: &str) -> Vec<Bar> {
    let one = |name: &str, kind, figure| {
        samples.spread(figure).map(|spread| Bar { name: name.to_owned(), kind, spread })
    };
    let mut all: Vec<Bar> =
        one(OURS, Kind::Ours, Figure { who: OURS, row, metric }).into_iter().collect();
    let limits = LIMITS.iter().filter(|(of, (beside, ..))| *of == row && *beside == metric);
    all.extend(limits.filter_map(|(_, (_, name, figure))| one(name, Kind::Limit, *figure)));
    let mut theirs: Vec<Bar> = samples
        .who_has(row, metric)
        .into_iter()
        .filter(|who| *who != OURS)
        .filter_map(|who| one(who, Kind::Theirs, Figure { who, row, metric }))
        .collect();
    theirs.sort_by(|a, b| a.spread.median.total_cmp(&b.spread.median));
    all.extend(theirs);
    all
}

const WIDTH: f64 = 760.0;
/// Where bars begin, and how long the longest may be; their figures stand to the right of both.
const LEFT: f64 = 150.0;
const LONG: f64 = 380.0;
const HIGH: f64 = 24.0;
/// Bars of others are cut where they would be longer than so many of ours.
const CUT: f64 = 4.0;

fn draw(title: &str, panels: &[(&str, Vec<Bar>)], foot: &str) -> String {
    let mut body = String::new();
    let mut y = 34.0;
    text(&mut body, 16.0, 24.0, "title", title);
    for (words, bars) in panels {
        y += 22.0;
        text(&mut body, 16.0, y, "panel", words);
        y += 8.0;
        let full = full(bars);
        for bar in bars {
            one(&mut body, y, bar, full);
            y += HIGH;
        }
    }
    y += 24.0;
    text(&mut body, 16.0, y, "foot", foot);
    let height = y + 14.0;
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{height}\" \
         viewBox=\"0 0 {WIDTH} {height}\" font-family=\"Helvetica, Arial, sans-serif\">\n\
         <style>.title{{font-size:16px;font-weight:bold;fill:#111}}\
         .panel{{font-size:12px;font-weight:bold;fill:#444}}\
         .name,.value{{font-size:12px;fill:#222}}.foot{{font-size:10px;fill:#777}}</style>\n\
         <rect width=\"{WIDTH}\" height=\"{height}\" fill=\"#ffffff\"/>\n{body}</svg>\n"
    )
}

/// What the longest bar stands for. Somebody far behind does not make a dot of everybody else: his
/// bar is cut, and so is the line of an outlier.
fn full(bars: &[Bar]) -> f64 {
    let most = bars.iter().map(|bar| bar.spread.max).fold(0.0, f64::max);
    let median = bars.iter().map(|bar| bar.spread.median).fold(0.0, f64::max);
    let of_ours = bars.first().map_or(median, |bar| CUT * bar.spread.median);
    most.min(1.6 * median.min(of_ours)).max(f64::MIN_POSITIVE)
}

fn one(body: &mut String, y: f64, bar: &Bar, full: f64) {
    let x = |value: f64| LEFT + (value / full).clamp(0.0, 1.0) * LONG;
    let color = match bar.kind {
        Kind::Ours => "#1f6fb4",
        Kind::Limit => "#8c8c8c",
        Kind::Theirs => "#d9a35b",
    };
    let Spread { median, min, max } = bar.spread;
    let (middle, long) = (y + HIGH / 2.0 - 2.0, (x(median) - LEFT).max(1.0));
    text(body, 16.0, middle + 4.0, "name", &bar.name);
    let high = HIGH - 8.0;
    let _ = writeln!(
        body,
        "<rect x=\"{LEFT}\" y=\"{:.1}\" width=\"{long:.1}\" height=\"{high}\" fill=\"{color}\"/>",
        middle - high / 2.0
    );
    if median > full {
        let cut = LEFT + LONG - 20.0;
        let _ = writeln!(
            body,
            "<path d=\"M{cut} {a} l4 -{b} h5 l-4 {b} z\" fill=\"#ffffff\"/>",
            a = middle + high / 2.0 + 1.0,
            b = high + 2.0,
        );
    }
    let mut label = number(median);
    if max > min {
        let _ = writeln!(
            body,
            "<path d=\"M{a:.1} {middle} H{b:.1} M{a:.1} {t} V{u} M{b:.1} {t} V{u}\" \
             stroke=\"#222\" stroke-width=\"1.2\" fill=\"none\"/>",
            a = x(min),
            b = x(max),
            t = middle - 4.0,
            u = middle + 4.0,
        );
        let _ = write!(label, "  ({} to {})", number(min), number(max));
    }
    text(body, LEFT + LONG + 12.0, middle + 4.0, "value", &label);
}

fn text(body: &mut String, x: f64, y: f64, class: &str, words: &str) {
    let words = words.replace('&', "&amp;").replace('<', "&lt;");
    let _ = writeln!(body, "<text x=\"{x}\" y=\"{y:.1}\" class=\"{class}\">{words}</text>");
}
