//! Settings from text, TOML or JSON: unknown keys refused, errors with line, column, key and range.

use super::Config;
use super::place::Place;
use super::tables::File;
use super::units::Table;
use crate::model::Error;

impl Config {
    /// Reads settings from TOML text; what it leaves out has its default. `name` is the file, for
    /// the errors. Needs the feature `config-file`.
    ///
    /// # Errors
    /// `Invalid` as `name:line:column: key: what is wrong and what would be right`, for text that
    /// is not TOML, unknown keys, wrong types and values out of range.
    pub fn from_toml(text: &str, name: &str) -> Result<Self, Error> {
        let place = Place::of_toml(text);
        let file: Result<Table<File>, _> = toml::from_str(text);
        let file = file.map_err(|error| {
            let at = error.span().map_or(0, |span| span.start);
            misread(text, name, at, error.message(), place.as_ref())
        })?;
        whole(file.0, text, name, place.as_ref())
    }

    /// Reads settings from JSON text: the keys, units and ranges of the TOML. `name` is the file,
    /// for the errors. Needs the feature `config-file`.
    ///
    /// # Errors
    /// As [`Config::from_toml`].
    pub fn from_json(text: &str, name: &str) -> Result<Self, Error> {
        let place = Place::of_json(text);
        let file: Result<Table<File>, _> = serde_json::from_str(text);
        let file = file.map_err(|error| {
            let lines = text.split_inclusive('\n').take(error.line().saturating_sub(1));
            // The reader has gone past what is wrong; a mistake of syntax is where it stopped.
            let at = lines.map(str::len).sum::<usize>() + error.column().saturating_sub(1);
            let what = error.to_string();
            let what = what.rsplit_once(" at line ").map_or(&*what, |(what, _)| what);
            let place = place.as_ref().filter(|_| error.is_data());
            misread(text, name, at, what, place)
        })?;
        whole(file.0, text, name, place.as_ref())
    }
}

/// Checks the settings as a whole.
fn whole(file: File, text: &str, name: &str, place: Option<&Place>) -> Result<Config, Error> {
    let mut config = file.config();
    config.resolve().map_err(|error| {
        let what = error.to_string();
        located(text, name, place.map_or(0, |place| place.position(&what)), &what)
    })?;
    Ok(config)
}

/// A value of the wrong type, or a key that is none, with its name and what is allowed.
fn misread(text: &str, name: &str, at: usize, what: &str, place: Option<&Place>) -> Error {
    let numbers = ["u8", "u32", "u64", "usize"].iter().find_map(|t| what.strip_suffix(t));
    let what = numbers.map_or_else(|| what.to_owned(), |what| format!("{what}a whole number"));
    let Some((key, at)) = place.and_then(|place| place.innermost(at)) else {
        return located(text, name, at, &what);
    };
    let known = Config::ranges().into_iter().find(|(known, _)| *known == key.general());
    let range = known.map(|(_, range)| format!(": the range is {range}"));
    let told = what.contains(" field `") || what.contains("(paused)");
    let range = range.filter(|_| !told).unwrap_or_default();
    located(text, name, at, &format!("{key}: {what}{range}"))
}

fn located(text: &str, name: &str, at: usize, what: &str) -> Error {
    let before = &text[..text.floor_char_boundary(at)];
    let line = before.matches('\n').count() + 1;
    let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
    Error::invalid(format!("{name}:{line}:{column}: {what}"))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::config::{Concurrency, Overlap, Sync};
    use crate::model::{Mode, Scope};

    fn error(text: &str) -> String {
        Config::from_toml(text, "f.toml").expect_err("it is wrong").to_string()
    }

    #[test]
    fn an_empty_file_is_the_defaults() {
        assert_eq!(Config::from_toml("", "f.toml"), Ok(Config::default()));
    }

    #[test]
    fn settings_of_each_section_are_read() {
        let text = "[lanes.main]\nconcurrency = 2\n[lanes.sub-agent]\nconcurrency = 0\n\
            [lanes.mine]\n[queue]\nmode = \"steer\"\nmax_wait = \"3s\"\n\
            [limits]\nmax_bytes = \"2GiB\"\nkey_bytes = 64\n[engine]\nstop_grace = \"250ms\"\n";
        let config = Config::from_toml(text, "f.toml").expect("it is right");
        assert_eq!(config.lanes["main"].concurrency, Concurrency::Limit(2));
        assert_eq!(config.lanes["subagent"].concurrency, Concurrency::Limit(0));
        assert_eq!(config.lanes["mine"].concurrency, Concurrency::Limit(2), "that of main");
        assert_eq!((config.queue.mode, config.queue.window_max()), (Mode::Steer, 3 * SECOND));
        assert_eq!((config.limits.max_bytes, config.limits.key_bytes), (2 << 30, 64));
        assert_eq!(config.engine.stop_grace, SECOND / 4);
    }

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn an_unknown_key_is_named_with_line_and_column() {
        let error = error("[queue]\ncap = 3\ndebounse = \"1s\"\n");
        assert!(error.starts_with("f.toml:3:1: "), "{error}");
        assert!(error.contains("debounse") && error.contains("debounce"), "{error}");
    }

    #[test]
    fn a_value_out_of_range_is_named_where_it_stands() {
        let error = error("[lanes.main]\nconcurrency = 1\n[queue]\n  cap = 0\n");
        assert_eq!(error, "f.toml:4:3: queue.cap = 0: the range is 1 to 100000");
    }

    #[test]
    fn a_concurrency_is_a_whole_number_or_unlimited() {
        for bad in ["-1", "1.5", "nan", "inf", "\"many\"", "5000"] {
            let error = error(&format!("[lanes.x]\nconcurrency = {bad}\n"));
            assert!(error.starts_with("f.toml:2:15: ") && error.contains("unlimited"), "{error}");
        }
    }

    #[test]
    fn a_duration_needs_its_unit_and_a_size_its_number() {
        assert!(error("[queue]\nttl = 5\n").contains("250ms"));
        assert!(error("[queue]\nttl = \"5 parsecs\"\n").contains("not a duration"));
        assert!(error("[limits]\nmax_bytes = \"1 GB\"\n").contains("GiB"));
        assert!(error("[limits]\nmax_bytes = -1\n").contains("0 or more"));
    }

    #[test]
    fn text_that_is_not_toml_is_an_error_with_its_place() {
        assert!(error("[queue\n").starts_with("f.toml:1:"));
    }

    fn json_error(text: &str) -> String {
        Config::from_json(text, "f.json").expect_err("it is wrong").to_string()
    }

    #[test]
    fn json_and_toml_say_the_same() {
        let toml = "[lanes.main]\nconcurrency = 2\n[lanes.cron]\nconcurrency = \"unlimited\"\n\
            [queue.channels.irc]\nmode = \"steer\"\ncap = 3\n[session]\ndm_scope = \"per-peer\"\n\
            [session.identity_links]\nann = [\"irc:1\"]\n[inbound]\ndedupe_entries = 7\n\
            [inbound.channels.irc]\ndebounce = \"2s\"\n[[agents]]\nid = \"a\"\nlane = \"mine\"\n\
            [[cron]]\nid = \"c\"\nevery = \"15m\"\ntext = \"go\"\noverlap = \"coalesce\"\n\
            [journal]\npath = \"j\"\nsync = \"os\"\nmax_bytes = 4096\n[transcripts]\ndir = \"t\"\n";
        let json = r#"{"lanes": {"main": {"concurrency": 2}, "cron": {"concurrency": "unlimited"}},
            "queue": {"channels": {"irc": {"mode": "steer", "cap": 3}}},
            "session": {"dm_scope": "per-peer", "identity_links": {"ann": ["irc:1"]}},
            "inbound": {"dedupe_entries": 7, "channels": {"irc": {"debounce": "2s"}}},
            "agents": [{"id": "a", "lane": "mine"}],
            "cron": [{"id": "c", "every": "15m", "text": "go", "overlap": "coalesce"}],
            "journal": {"path": "j", "sync": "os", "max_bytes": 4096}, "transcripts": {"dir": "t"}}"#;
        let config = Config::from_toml(toml, "f.toml").expect("it is right");
        assert_eq!(Config::from_json(json, "f.json"), Ok(config.clone()));
        assert_eq!(config.lanes["mine"].concurrency, Concurrency::Limit(2), "that of main");
        assert_eq!(config.queue.channels["irc"].mode, Some(Mode::Steer));
        assert_eq!((config.session.dm_scope, config.journal.sync), (Scope::PerPeer, Sync::Os));
        assert_eq!((config.cron[0].overlap, config.cron[0].timezone()), (Overlap::Coalesce, "UTC"));
        assert_eq!(config.inbound.channels["irc"], 2 * SECOND);
    }

    #[test]
    fn a_wrong_type_is_named_with_its_key_and_the_range() {
        let told = error("[queue]\ncap = \"many\"\n");
        assert!(told.starts_with("f.toml:2:7: queue.cap: "), "{told}");
        assert!(told.ends_with("expected a whole number: the range is 1 to 100000"), "{told}");
        let told = json_error("{\"queue\":\n  {\"cap\": -1, \"mode\": \"steer\"}}");
        assert!(told.starts_with("f.json:2:11: queue.cap: "), "{told}");
        assert!(told.ends_with("the range is 1 to 100000"), "{told}");
        let told = json_error("{\"inbound\": {\"channels\": {\"irc\": {\"debounce\": 2}}}}");
        assert!(told.contains("inbound.channels.irc.debounce: ") && told.ends_with("0ms to 1m"));
        let told = json_error("{\"agents\": [{\"id\": \"a\", \"lane_concurrency\": 1.5}]}");
        assert!(told.contains(":45: agents[0].lane_concurrency: "), "{told}");
        assert!(told.contains("4096, or"), "{told}");
    }

    #[test]
    fn a_mistake_in_json_is_told_where_it_stands() {
        assert_eq!(
            json_error("{\"queue\": {\n \"cap\": 0}}"),
            "f.json:2:2: queue.cap = 0: the range is 1 to 100000"
        );
        let told = json_error("{\"queue\": {\n \"cup\": 1}}");
        assert!(told.starts_with("f.json:2:2: queue.cup: unknown field"), "{told}");
        assert!(!told.contains("at line"), "{told}");
        let told = json_error("{\n \"lanes\": {\"a\": {}, \"a\": {}}}");
        assert!(told.contains("comes twice") && told.starts_with("f.json:2:"), "{told}");
        assert!(json_error("{\"queue\":\n {,}}").starts_with("f.json:2:3: "));
        assert!(json_error("").starts_with("f.json:1:1: "));
        assert!(json_error("{\"queue\": {\"mode\": {\"steer\": null}}}").contains("a word"));
        assert!(
            json_error("{\"queue\": {\"cap\": 1, \"cap\": 2}}").ends_with("duplicate field `cap`")
        );
        for text in ["[]", "{\"queue\": [\"steer\"]}", "{\"agents\": [[\"a\"]]}"] {
            assert!(json_error(text).contains("expected a table"), "{text}");
        }
    }

    #[test]
    fn a_list_where_a_table_belongs_is_an_error() {
        let told = error("queue = [\"steer\"]\n");
        assert!(told.starts_with("f.toml:1:9: queue: ") && told.contains("a table"), "{told}");
    }

    #[test]
    fn agents_and_jobs_that_contradict_each_other_are_told_where_they_stand() {
        let told = error(
            "[[agents]]\nid = \"a\"\nlane = \"x\"\nlane_concurrency = 1\n\
            [[agents]]\nid = \"b\"\nlane = \"x\"\nlane_concurrency = 2\n",
        );
        assert!(told.starts_with("f.toml:8:1: agents[1].lane_concurrency = 2: "), "{told}");
        let told =
            error("[[cron]]\nid = \"a\"\ntext = \"t\"\nevery = \"1s\"\nschedule = \"* * * * *\"\n");
        assert!(told.starts_with("f.toml:4:1: cron[0].every: "), "{told}");
        let told = error("[[agents]]\nlane = \"x\"\n");
        assert!(told.contains("agents[0].id = \"\""), "{told}");
    }

    /// The range in a comment, as the errors say it: `0 (paused) .. 4_096, or so` is `0 to 4096`.
    fn range_of(comment: &str) -> Option<String> {
        let (least, most) = comment.split_once(" .. ")?;
        let least = least.trim_start().split(' ').next()?;
        let most = most.split([' ', ':', ',']).next()?;
        let plain = |figure: &str| match figure.strip_suffix("GiB") {
            Some(figure) => (figure.parse::<u64>().expect("a number") << 30).to_string(),
            None => figure.replace('_', ""),
        };
        Some(format!("{} to {}", plain(least), plain(most)))
    }

    #[test]
    fn the_ranges_of_the_annotated_example_are_those_of_the_checks() {
        let ranges = Config::ranges();
        let (mut table, mut compared) = (String::new(), 0);
        for line in include_str!("../cli/defaults.toml").lines() {
            let line = line.strip_prefix("# ").unwrap_or(line);
            if let Some(header) = line.strip_prefix('[') {
                let names = header.trim_start_matches('[').split(']').next().unwrap_or_default();
                table = match names.split('.').collect::<Vec<_>>()[..] {
                    ["lanes", _] => "lanes.main".to_owned(),
                    [table, "channels", _] => format!("{table}.channels.any"),
                    [list @ ("agents" | "cron")] => format!("{list}[0]"),
                    _ => names.to_owned(),
                };
            }
            let Some((key, comment)) = line.split_once(" = ") else { continue };
            let Some(range) = comment.split_once('#').and_then(|(_, c)| range_of(c)) else {
                continue;
            };
            let key = format!("{table}.{key}");
            let known = ranges.iter().find(|(known, _)| *known == key);
            let known = &known.unwrap_or_else(|| panic!("{key} has a range")).1;
            assert!(known.starts_with(&range), "{key}: {range}, and it is {known}");
            compared += 1;
        }
        assert!(compared > 15, "{compared}");
    }
}
