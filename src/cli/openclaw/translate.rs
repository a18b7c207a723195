//! Which setting becomes which.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

use serde_json::{Map, Value};

use super::page::{Page, bare, lasting, quoted};
use super::source::{Source, join};

/// The words of `OpenClaw` for modes, with ours. Source: its documentation of the command queue.
const MODES: [(&str, &str); 7] = [
    ("followup", "followup"),
    ("collect", "collect"),
    ("steer", "steer"),
    ("queue", "steer"),
    ("steer-backlog", "steer-backlog"),
    ("steer+backlog", "steer-backlog"),
    ("interrupt", "interrupt"),
];
const DROPS: [(&str, &str); 3] = [("old", "old"), ("new", "new"), ("summarize", "summarize")];
const SCOPES: [(&str, &str); 4] = [
    ("main", "main"),
    ("per-peer", "per-peer"),
    ("per-channel-peer", "per-channel-peer"),
    ("per-account-channel-peer", "per-account-channel-peer"),
];

/// Milliseconds that our windows may last.
const WINDOW_MS: RangeInclusive<u64> = 0..=600_000;
const INBOUND_MS: RangeInclusive<u64> = 0..=60_000;
/// Other than here, 0 is not "paused" in `OpenClaw`.
const AT_ONCE: RangeInclusive<u64> = 1..=4096;

/// A file of `OpenClaw`, translated.
pub struct Translation {
    pub page: Page,
    /// The paths that the file sets.
    pub set: BTreeSet<&'static str>,
    /// What has a counterpart that cannot take the value, with the reason.
    pub left_out: Vec<String>,
    /// The paths without a counterpart.
    pub unknown: Vec<String>,
}

struct Reader {
    source: Source,
    out: Translation,
}

impl Translation {
    pub fn of(source: Source) -> Self {
        let (page, set) = (Page::default(), BTreeSet::new());
        let out = Self { page, set, left_out: Vec::new(), unknown: Vec::new() };
        let mut reader = Reader { source, out };
        reader.lanes();
        let agents = reader.agents();
        reader.queue();
        reader.inbound();
        reader.out.page.append(agents);
        reader.session();
        let mut unknown = reader.source.rest("");
        unknown.append(&mut reader.out.unknown);
        unknown.sort();
        reader.out.unknown = unknown;
        reader.out
    }
}

impl Reader {
    fn leave_out(&mut self, path: &str, why: &str) {
        self.out.left_out.push(format!("{path}: {why}"));
    }

    fn take(&mut self, path: &'static str) -> Option<Value> {
        let value = self.source.take(path)?;
        self.out.set.insert(path);
        Some(value)
    }

    /// A whole number in range.
    fn whole(&mut self, path: &str, value: &Value, range: &RangeInclusive<u64>) -> Option<u64> {
        let number = value.as_f64();
        // Numbers of this size are exact in a double.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let whole =
            number.filter(|n| n.fract() == 0.0 && (0.0..1e15).contains(n)).map(|n| n as u64);
        let whole = whole.filter(|whole| range.contains(whole));
        if whole.is_none() {
            let told = if number.is_some() { value.to_string() } else { "it".to_owned() };
            let (least, most) = (range.start(), range.end());
            self.leave_out(path, &format!("{told} is not a whole number from {least} to {most}"));
        }
        whole
    }

    /// One of these words, in ours.
    fn word(
        &mut self,
        path: &str,
        value: &Value,
        words: &[(&str, &'static str)],
    ) -> Option<String> {
        let text = value.as_str();
        let ours = words.iter().find(|(theirs, _)| Some(*theirs) == text).map(|(_, ours)| ours);
        if ours.is_none() {
            let theirs: Vec<_> = words.iter().map(|(theirs, _)| *theirs).collect();
            let told = text.map_or_else(|| "it".to_owned(), quoted);
            self.leave_out(path, &format!("{told} is not one of {}", theirs.join(", ")));
        }
        ours.map(|ours| quoted(ours))
    }

    fn table(&mut self, path: &str, value: Option<Value>) -> Map<String, Value> {
        match value {
            Some(Value::Object(table)) => table,
            None => Map::new(),
            Some(_) => {
                self.leave_out(path, "it is not a table");
                Map::new()
            }
        }
    }

    fn figure(&mut self, path: &'static str, range: &RangeInclusive<u64>) -> Option<u64> {
        let value = self.take(path)?;
        self.whole(path, &value, range)
    }

    fn choice(&mut self, path: &'static str, words: &[(&str, &'static str)]) -> Option<String> {
        let value = self.take(path)?;
        self.word(path, &value, words)
    }

    /// A figure for each channel.
    fn by_channel(
        &mut self,
        path: &'static str,
        range: &RangeInclusive<u64>,
    ) -> Vec<(String, u64)> {
        let value = self.take(path);
        let channels = self.table(path, value).into_iter();
        let figure = |(name, value): (String, Value)| {
            Some((name.clone(), self.whole(&join(path, &name), &value, range)?))
        };
        channels.filter_map(figure).collect()
    }

    fn lanes(&mut self) {
        for (lane, path) in [
            ("main", "agents.defaults.maxConcurrent"),
            ("subagent", "agents.defaults.subagents.maxConcurrent"),
            ("cron", "cron.maxConcurrentRuns"),
        ] {
            let figure = self.figure(path, &AT_ONCE);
            self.out.page.table(format!("[lanes.{lane}]"));
            self.out.page.line("concurrency", figure.map(|figure| figure.to_string()));
        }
    }

    fn queue(&mut self) {
        let mode = self.choice("messages.queue.mode", &MODES);
        let debounce = self.figure("messages.queue.debounceMs", &WINDOW_MS);
        let window = self.figure("commandQueue.collect.windowMs", &WINDOW_MS);
        if let (Some(_), Some(_)) = (debounce, window) {
            self.leave_out("commandQueue.collect.windowMs", "messages.queue.debounceMs goes first");
        }
        let batch = self.figure("commandQueue.collect.maxMessages", &(1..=1000));
        let reset = self.take("commandQueue.collect.resetOnNewMessage");
        if reset.as_ref().is_some_and(|reset| !reset.is_boolean()) {
            self.leave_out("commandQueue.collect.resetOnNewMessage", "it is not true or false");
        }
        let reset = reset.and_then(|reset| reset.as_bool());
        let cap = self.figure("messages.queue.cap", &(1..=100_000));
        let drop = self.choice("messages.queue.drop", &DROPS);
        let page = &mut self.out.page;
        page.table("[queue]");
        page.line("mode", mode);
        page.line("debounce", debounce.or(window).map(lasting));
        page.line("reset_on_new_message", reset.map(|reset| reset.to_string()));
        page.line("max_batch", batch.map(|batch| batch.to_string()));
        page.line("cap", cap.map(|cap| cap.to_string()));
        page.line("drop", drop);
        self.channels();
    }

    fn channels(&mut self) {
        let mut channels: BTreeMap<String, (Option<String>, Option<u64>)> = BTreeMap::new();
        let path = "messages.queue.byChannel";
        let value = self.take(path);
        for (name, value) in self.table(path, value) {
            let mode = self.word(&join(path, &name), &value, &MODES);
            channels.entry(name).or_default().0 = mode;
        }
        for (name, ms) in self.by_channel("messages.queue.debounceMsByChannel", &WINDOW_MS) {
            channels.entry(name).or_default().1 = Some(ms);
        }
        let page = &mut self.out.page;
        for (name, (mode, debounce)) in channels {
            page.table(format!("[queue.channels.{}]", bare(&name)));
            page.line("mode", mode);
            page.line("debounce", debounce.map(lasting));
        }
    }

    fn inbound(&mut self) {
        let debounce = self.figure("messages.inbound.debounceMs", &INBOUND_MS);
        let channels = self.by_channel("messages.inbound.byChannel", &INBOUND_MS);
        let page = &mut self.out.page;
        page.table("[inbound]");
        page.line("debounce", debounce.map(lasting));
        for (name, ms) in channels {
            page.table(format!("[inbound.channels.{}]", bare(&name)));
            page.line("debounce", Some(lasting(ms)));
        }
    }

    fn session(&mut self) {
        let scope = self.choice("session.dmScope", &SCOPES);
        let path = "session.identityLinks";
        let value = self.take(path);
        let links = self.table(path, value);
        self.out.page.table("[session]");
        self.out.page.line("dm_scope", scope);
        self.out.page.table("[session.identity_links]");
        let mut known = BTreeMap::new();
        for (person, value) in links {
            let path = join(path, &person);
            let Value::Array(words) = value else {
                self.leave_out(&path, "it is not a list");
                continue;
            };
            let mut kept = Vec::new();
            for (idx, word) in words.iter().enumerate() {
                match link(&person, word, &mut known) {
                    Ok(word) => kept.push(quoted(word)),
                    Err(why) => self.leave_out(&format!("{path}[{idx}]"), why),
                }
            }
            let kept = (!kept.is_empty()).then(|| format!("[{}]", kept.join(", ")));
            self.out.page.line(&person, kept);
        }
    }

    /// The agents, for a page of their own: they come late in the file and their figures early.
    fn agents(&mut self) -> Page {
        let mut page = Page::default();
        let path = "agents.list";
        let items = match self.source.take(path) {
            Some(Value::Array(items)) => items,
            None => Vec::new(),
            Some(_) => {
                self.leave_out(path, "it is not a list");
                Vec::new()
            }
        };
        for (idx, item) in items.into_iter().enumerate() {
            let at = format!("{path}[{idx}]");
            if !item.is_object() {
                self.leave_out(&at, "it is not a table");
                continue;
            }
            self.agent(&at, Source::of(item), &mut page);
        }
        page
    }

    fn agent(&mut self, at: &str, mut item: Source, page: &mut Page) {
        let mut text = |name: &str| {
            let value = item.take(name)?;
            let text = value.as_str().filter(|text| !text.trim().is_empty()).map(quoted);
            if text.is_none() {
                self.leave_out(&join(at, name), "it is not a text");
            }
            text
        };
        let (id, lane) = (text("id"), text("lane"));
        let figure = item.take("laneConcurrency");
        self.out.unknown.extend(item.rest(at));
        let figure = figure.and_then(|figure| {
            self.out.set.insert("agents.list[].laneConcurrency");
            self.whole(&join(at, "laneConcurrency"), &figure, &(0..=4096))
        });
        if id.is_none() {
            self.leave_out(at, "it has no id");
            return;
        }
        page.table("[[agents]]");
        page.line("id", id);
        page.line("lane", lane);
        page.line("lane_concurrency", figure.map(|figure| figure.to_string()));
    }
}

/// A word of the identity links, if it is one and nobody else's.
fn link<'a>(
    person: &str,
    word: &'a Value,
    known: &mut BTreeMap<(String, String), String>,
) -> Result<&'a str, &'static str> {
    let word = word.as_str().ok_or("it is not a text")?;
    let (channel, peer) = word.split_once(':').ok_or("it is not channel:peer")?;
    let name = (channel.trim().to_lowercase(), peer.trim().to_lowercase());
    if name.1.is_empty() {
        return Err("it is not channel:peer");
    }
    let owner = known.entry(name).or_insert_with(|| person.to_owned());
    if owner == person { Ok(word) } else { Err("it is another person's already") }
}
