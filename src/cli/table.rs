//! Figures as people and programs read them.

use std::time::Duration;

use laneq::Engine;

/// Rows of words, the first row being the heading: aligned columns, numbers to the right.
pub fn aligned(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        rows.iter().filter_map(|row| row.get(column)).map(|word| word.chars().count()).max()
    };
    let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
    let mut text = String::new();
    for row in rows {
        let cell = |(at, word): (usize, &String)| {
            let gap = " ".repeat(widths[at] - word.chars().count());
            if at == 0 { format!("{word}{gap}") } else { format!("{gap}{word}") }
        };
        let line: Vec<String> = row.iter().enumerate().map(cell).collect();
        text.push_str(line.join("  ").trim_end());
        text.push('\n');
    }
    text
}

/// A duration as people read it: three digits and a unit.
pub fn span(duration: Duration) -> String {
    let seconds = duration.as_secs_f64();
    let (value, unit) = match seconds {
        s if s >= 86400.0 => {
            let hours = duration.as_secs() / 3600;
            return format!("{}d{:02}h", hours / 24, hours % 24);
        }
        s if s >= 3600.0 => {
            let minutes = duration.as_secs() / 60;
            return format!("{}h{:02}m", minutes / 60, minutes % 60);
        }
        s if s >= 60.0 => {
            return format!("{}m{:02}s", duration.as_secs() / 60, duration.as_secs() % 60);
        }
        s if s >= 1.0 => (s, "s"),
        s if s >= 1e-3 => (s * 1e3, "ms"),
        s if s >= 1e-6 => (s * 1e6, "us"),
        s => (s * 1e9, "ns"),
    };
    let digits = if value >= 100.0 { 0 } else { usize::from(value < 10.0) + 1 };
    format!("{value:.digits$} {unit}")
}

/// 1234567 as `1,234,567`.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// The error for a lane that is not there; it lists those that are.
pub fn unknown_lane(engine: &Engine, name: &str) -> String {
    let lanes: Vec<String> = engine.stats().lanes.into_iter().map(|lane| lane.name).collect();
    format!("no lane {name:?}: the lanes are {}", lanes.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_and_numbers_stand_to_the_right() {
        let rows =
            [vec!["lane".to_owned(), "runs".to_owned()], vec!["m".to_owned(), "7".to_owned()]];
        assert_eq!(aligned(&rows), "lane  runs\nm        7\n");
    }

    #[test]
    fn durations_and_numbers_are_short() {
        assert_eq!(span(Duration::from_micros(1_234)), "1.23 ms");
        assert_eq!(span(Duration::from_millis(345)), "345 ms");
        assert_eq!(span(Duration::from_secs(75)), "1m15s");
        assert_eq!(span(Duration::from_secs(3_900)), "1h05m");
        assert_eq!(span(Duration::from_secs(183_600)), "2d03h");
        assert_eq!((grouped(7), grouped(1_234_567)), ("7".into(), "1,234,567".into()));
    }
}
