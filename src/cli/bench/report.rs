//! Results as a table, JSON and tab-separated lines.

use std::fmt::Write as _;
use std::thread::available_parallelism;

use super::Workload;
use crate::cli::output::Body;

/// One figure of a workload.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row {
    metric: &'static str,
    value: f64,
    unit: &'static str,
}

pub(super) fn row(metric: &'static str, value: f64, unit: &'static str) -> Row {
    Row { metric, value, unit }
}

impl Row {
    /// Its value, if it is this figure.
    pub(super) fn value_of(&self, metric: &str) -> Option<f64> {
        (self.metric == metric).then_some(self.value)
    }
}

/// Three digits, and a unit that fits.
fn words(row: &Row) -> String {
    let (value, prefix) = match row.value {
        v if row.unit == "/s" && v >= 1e6 => (v / 1e6, "M"),
        v if row.unit == "/s" && v >= 1e3 => (v / 1e3, "k"),
        v => (v, ""),
    };
    let digits = usize::from(value < 100.0) + usize::from(value < 10.0);
    format!("{value:.digits$} {prefix}{}", row.unit).trim_end().to_owned()
}

/// For people.
pub(super) fn table(scale: f64, results: &[(&Workload, Vec<Row>)]) -> String {
    let mut text = heading(scale);
    for (workload, rows) in results {
        let figures: Vec<String> =
            rows.iter().map(|row| format!("{} {}", row.metric, words(row))).collect();
        let _ = writeln!(text, "{:<10}{}", workload.name, workload.what);
        let _ = writeln!(text, "{:<10}  {}", "", figures.join("   "));
    }
    text
}

fn heading(scale: f64) -> String {
    let cores = available_parallelism().map_or(0, usize::from);
    let version = env!("CARGO_PKG_VERSION");
    let mut text = format!("laneq {version} on {cores} cores, 2 workers, 2 producers");
    if scale < 1.0 {
        let _ = write!(text, ", at {scale} of the full size");
    }
    text.push_str("\n\n");
    text
}

/// For harnesses.
pub(super) fn tsv(name: &str, rows: &[Row]) -> String {
    rows.iter().map(|r| format!("laneq\t{name}\t{}\t{:.3}\n", r.metric, r.value)).collect()
}

/// For programs.
pub(super) fn json(scale: f64, results: &[(&Workload, Vec<Row>)]) -> String {
    let one = |(workload, rows): &(&Workload, Vec<Row>)| {
        let figures = rows
            .iter()
            .fold(Body::new(), |body, row| body.raw(row.metric, &format!("{:.3}", row.value)));
        Body::new()
            .text("workload", &workload.name)
            .text("what", &workload.what)
            .raw("figures", &figures.object())
            .object()
    };
    let results: Vec<String> = results.iter().map(one).collect();
    let cores = available_parallelism().map_or(0, usize::from);
    Body::new()
        .text("version", env!("CARGO_PKG_VERSION"))
        .number("cores", cores as u64)
        .raw("scale", &scale.to_string())
        .raw("results", &format!("[{}]", results.join(",")))
        .object()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_have_three_digits_and_a_unit() {
        assert_eq!(words(&row("x", 5_376_344.0, "/s")), "5.38 M/s");
        assert_eq!(words(&row("x", 186.2, "ns")), "186 ns");
        assert_eq!(words(&row("x", 2.0, "")), "2.00");
    }
}
