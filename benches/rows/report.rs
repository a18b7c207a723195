//! The table and the JSON.

use std::fmt::Write as _;
use std::path::Path;

use serde_json::{Value, json};

use super::Failure;
use super::machine::Machine;
use super::samples::{Figure, Samples, Spread};
use super::targets::Verdict;

/// Three digits.
pub fn number(value: f64) -> String {
    let digits = [0.001, 0.1, 10.0, 100.0].iter().rev().filter(|least| value.abs() < **least);
    let digits = digits.count();
    if value == 0.0 { "0".to_owned() } else { format!("{value:.digits$}") }
}

fn spread(spread: Spread) -> String {
    let Spread { median, min, max } = spread;
    if min.total_cmp(&max).is_eq() {
        return number(median);
    }
    format!("{} ({} to {})", number(median), number(min), number(max))
}

/// All figures, then the targets.
pub fn table(samples: &Samples, verdicts: &[Verdict]) -> String {
    let mut text = String::new();
    let mut last = ("", "");
    for (Figure { who, row, metric }, values) in samples.figures() {
        if let Some(figures) = Spread::of(values) {
            let heading = if last.1 == row { "" } else { row };
            let name = if last == (who, row) { "" } else { who };
            last = (who, row);
            let _ = writeln!(text, "{heading:<12}{name:<14}{metric:<18}{}", spread(figures));
        }
    }
    let _ = writeln!(text, "\n{:<12}{:<18}{:<34}target", "row", "figure", "came out at");
    for verdict in verdicts.iter().filter(|verdict| verdict.came.is_some()) {
        text.push_str(&judged(verdict));
    }
    let rest = verdicts.iter().filter(|verdict| verdict.came.is_none()).count();
    let _ = writeln!(text, "{rest} targets were not measured");
    if let Some(foreign) = samples.mean_foreign() {
        let _ = writeln!(text, "others kept {foreign:.2} cores busy meanwhile");
        if foreign > 0.15 {
            let _ = writeln!(text, "a loaded machine: look at ratios, quote nothing");
        }
    }
    for failure in &samples.failures {
        let _ = writeln!(text, "FAILED {failure}");
    }
    text
}

fn judged(verdict: &Verdict) -> String {
    let target = &verdict.target;
    let came = verdict.came.map(spread).unwrap_or_default();
    let came = format!("{came} {}", verdict.against());
    let (must, aim) = (target.must.words(), target.aim.words());
    let word = verdict.word();
    format!(
        "{:<12}{:<18}{came:<50} must {must:<8} aim {aim:<8} {word}\n",
        target.row, target.metric
    )
}

pub fn write_json(
    path: &Path,
    machine: &Machine,
    scale: f64,
    samples: &Samples,
    verdicts: &[Verdict],
) -> Result<(), Failure> {
    let figures: Vec<Value> = samples
        .figures()
        .map(|(Figure { who, row, metric }, values)| {
            let median = Spread::of(values.clone()).map(|spread| spread.median);
            json!({"who": who, "row": row, "metric": metric, "median": median, "rounds": values})
        })
        .collect();
    let targets: Vec<Value> = verdicts
        .iter()
        .map(|verdict| {
            json!({
                "row": verdict.target.row,
                "metric": verdict.target.metric,
                "against": verdict.against(),
                "value": verdict.came.map(|spread| spread.median),
                "must": verdict.target.must.words(),
                "aim": verdict.target.aim.words(),
                "verdict": verdict.word(),
            })
        })
        .collect();
    let facts: serde_json::Map<String, Value> =
        machine.facts.iter().map(|(name, fact)| ((*name).to_owned(), json!(fact))).collect();
    let all = json!({
        "machine": facts,
        "scale": scale,
        "foreign_cores": samples.mean_foreign(),
        "figures": figures,
        "targets": targets,
        "failures": samples.failures,
    });
    std::fs::write(path, serde_json::to_string_pretty(&all)?)?;
    Ok(())
}
