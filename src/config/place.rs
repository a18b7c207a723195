//! Where in the text each setting stands, so that an error can say so.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use toml::de::{DeTable, DeValue};

/// The names from the root to a setting; the items of a list are called `[0]`, `[1]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Key(Vec<String>);

/// Every setting of a text, in the order of the text.
pub(super) struct Place {
    found: Vec<Found>,
}

struct Found {
    key: Key,
    /// Where its name begins; for the item of a list, where the item begins.
    name_at: usize,
    value_at: usize,
}

impl Key {
    fn with(&self, name: impl Into<String>) -> Self {
        let mut names = self.0.clone();
        names.push(name.into());
        Self(names)
    }

    /// Its name in the list of ranges.
    pub(super) fn general(&self) -> String {
        let names: Vec<&str> = self.0.iter().map(String::as_str).collect();
        match names[..] {
            ["lanes", _, last] => format!("lanes.main.{last}"),
            [table @ ("queue" | "inbound"), "channels", _, last] => {
                format!("{table}.channels.any.{last}")
            }
            [list @ ("agents" | "cron"), _, last] => format!("{list}[0].{last}"),
            _ => self.to_string(),
        }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (idx, name) in self.0.iter().enumerate() {
            let dot = if idx == 0 || name.starts_with('[') { "" } else { "." };
            let name = if name.is_empty() { "\"\"" } else { name };
            write!(f, "{dot}{name}")?;
        }
        Ok(())
    }
}

impl Place {
    /// `None` for text that is not TOML.
    pub(super) fn of_toml(text: &str) -> Option<Self> {
        let table = DeTable::parse(text).ok()?;
        let mut found = Vec::new();
        walk_toml(&DeValue::Table(table.into_inner()), &Key::default(), &mut found);
        Some(Self { found })
    }

    /// `None` for text that is not JSON.
    pub(super) fn of_json(text: &str) -> Option<Self> {
        let root: &RawValue = serde_json::from_str(text).ok()?;
        let mut found = Vec::new();
        walk_json(text, root, &Key::default(), &mut found);
        Some(Self { found })
    }

    /// The last setting that begins at or before here, and where exactly.
    pub(super) fn innermost(&self, at: usize) -> Option<(&Key, usize)> {
        let starts = |f: &&Found| if f.value_at <= at { f.value_at } else { f.name_at };
        let last = self.found.iter().filter(|f| f.name_at <= at).max_by_key(starts)?;
        Some((&last.key, starts(&last)))
    }

    /// Where the setting stands that an error begins with (`queue.cap = 0: ...`), else the table
    /// around it.
    pub(super) fn position(&self, what: &str) -> usize {
        let about = |found: &&Found| {
            let rest = what.strip_prefix(&found.key.to_string());
            rest.is_some_and(|rest| rest.starts_with(['.', '[', ' ', ':']))
        };
        let longest = |found: &&Found| found.key.to_string().len();
        self.found.iter().filter(about).max_by_key(longest).map_or(0, |found| found.name_at)
    }
}

/// No setting is deeper; what is, is not ours and not looked at.
const DEPTH: usize = 8;

fn walk_toml(value: &DeValue<'_>, key: &Key, found: &mut Vec<Found>) {
    let mut add = |key: Key, name_at, value: &toml::Spanned<DeValue<'_>>| {
        let value_at = value.span().start.max(name_at);
        found.push(Found { key: key.clone(), name_at, value_at });
        if key.0.len() < DEPTH {
            walk_toml(value.get_ref(), &key, found);
        }
    };
    if let Some(table) = value.as_table() {
        table.iter().for_each(|(name, value)| {
            add(key.with(&**name.get_ref()), name.span().start, value);
        });
    } else if let Some(items) = value.as_array() {
        items.iter().enumerate().for_each(|(idx, value)| {
            add(key.with(format!("[{idx}]")), value.span().start, value);
        });
    }
}

/// One level of a JSON value: what is inside, as text.
enum Level<'a> {
    Table(Vec<(Cow<'a, str>, &'a RawValue)>),
    List(Vec<&'a RawValue>),
}

fn walk_json(text: &str, value: &RawValue, key: &Key, found: &mut Vec<Found>) {
    let Ok(level) = serde_json::from_str(value.get()) else { return };
    let start = |value: &RawValue| value.get().as_ptr() as usize - text.as_ptr() as usize;
    let mut add = |key: Key, name_at, value_at, value| {
        found.push(Found { key: key.clone(), name_at, value_at });
        if key.0.len() < DEPTH {
            walk_json(text, value, &key, found);
        }
    };
    match level {
        Level::Table(entries) => entries.into_iter().for_each(|(name, value)| {
            let value_at = start(value);
            add(key.with(name), name_start(&text[..value_at]), value_at, value);
        }),
        Level::List(items) => items.into_iter().enumerate().for_each(|(idx, value)| {
            add(key.with(format!("[{idx}]")), start(value), start(value), value);
        }),
    }
}

/// Where the name begins that ends, with its colon, this text.
fn name_start(before: &str) -> usize {
    let name = before.trim_end().trim_end_matches(':').trim_end();
    let inside = name.strip_suffix('"').unwrap_or(name);
    let quotes = inside.rmatch_indices('"').map(|(at, _)| at);
    // A quotation mark after an odd number of backslashes belongs to the name.
    let escaped = |at: &usize| {
        let slashes = inside[..*at].bytes().rev().take_while(|b| *b == b'\\').count();
        slashes % 2 == 1
    };
    quotes.into_iter().find(|at| !escaped(at)).unwrap_or(0)
}

struct LevelVisitor;

impl<'de> Visitor<'de> for LevelVisitor {
    type Value = Level<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a table or a list")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Level<'de>, A::Error> {
        let mut entries = Vec::new();
        while let Some(name) = map.next_key::<Cow<'de, str>>()? {
            entries.push((name, map.next_value()?));
        }
        Ok(Level::Table(entries))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Level<'de>, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(Level::List(items))
    }
}

impl<'de> Deserialize<'de> for Level<'de> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(LevelVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const JSON: &str =
        "{\"lanes\": {\"a \\\" b\": {\"ceiling\" : 0}},\n \"agents\": [{\"id\": \"x\"}]}";

    #[test]
    fn settings_of_json_are_found_where_they_stand() {
        let place = Place::of_json(JSON).expect("it is JSON");
        let at = |what: &str| &JSON[place.position(what)..];
        assert!(at("lanes.a \" b.ceiling = 0: no").starts_with("\"ceiling\""));
        assert!(at("lanes.a \" b: no").starts_with("\"a "));
        assert!(at("agents[0].id = x: no").starts_with("\"id\""));
        assert!(at("agents[0].text: missing").starts_with("{\"id\""), "the table around it");
        assert_eq!(place.position("nothing of this"), 0);
    }

    #[test]
    fn text_of_any_depth_is_walked_without_harm() {
        let deep = format!("{{\"a\": {}1{}}}", "[".repeat(100_000), "]".repeat(100_000));
        assert_eq!(Place::of_json(&deep).map(|place| place.found.len()), Some(DEPTH));
    }

    #[test]
    fn settings_of_toml_are_found_where_they_stand() {
        let text = "[lanes.\"a.b\"]\nceiling = 0\n[[agents]]\nid = \"x\"\n[[agents]]\nid = \"y\"\n";
        let place = Place::of_toml(text).expect("it is TOML");
        assert!(text[place.position("lanes.a.b.ceiling = 0: no")..].starts_with("ceiling"));
        assert!(text[place.position("agents[1].id = y: no")..].starts_with("id = \"y\""));
        let (key, _) = place.innermost(text.find("\"y\"").expect("it is there")).expect("a key");
        assert_eq!(
            (key.to_string(), key.general()),
            ("agents[1].id".into(), "agents[0].id".into())
        );
    }
}
