//! A file of `OpenClaw` settings, from which what is understood is taken out.

use std::path::Path;

use serde_json::{Map, Value};

use crate::cli::setup::Usage;

/// Levels of tables and lists; the reader of JSON5 takes a piece of stack for each.
const DEPTH_MAX: usize = 100;

/// What has not been taken yet.
pub struct Source {
    root: Value,
}

impl Source {
    /// Reads YAML if the name says so, else JSON5, of which JSON is a part.
    pub fn read(text: &str, path: &Path) -> Result<Self, Usage> {
        let name = path.display();
        let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
        let root = if ["yaml", "yml"].iter().any(|yaml| ending.eq_ignore_ascii_case(yaml)) {
            let read = serde_norway::from_str(text).and_then(|mut value: serde_norway::Value| {
                value.apply_merge()?;
                Ok(value)
            });
            json(read.map_err(|error| format!("{name}: not YAML: {error}"))?)
        } else if depth(text) > DEPTH_MAX {
            return Err(format!("{name}: not JSON5: more than {DEPTH_MAX} levels"));
        } else {
            json5::from_str(text).map_err(|error| format!("{name}: not JSON5: {error}"))?
        };
        match root {
            Value::Null => Ok(Self { root: Value::Object(Map::new()) }),
            Value::Object(_) => Ok(Self { root }),
            _ => Err(format!("{name}: the settings are a table")),
        }
    }

    /// A part of a file as a file.
    pub fn of(root: Value) -> Self {
        Self { root }
    }

    /// Takes out one setting, with the tables around it that are empty then.
    pub fn take(&mut self, path: &str) -> Option<Value> {
        let names: Vec<&str> = path.split('.').collect();
        take(&mut self.root, &names)
    }

    /// The paths of what is left, sorted; the values may be secrets and stay where they are.
    pub fn rest(&self, prefix: &str) -> Vec<String> {
        let mut paths = Vec::new();
        if !self.root.as_object().is_some_and(Map::is_empty) {
            leaves(&self.root, prefix, &mut paths);
        }
        paths
    }
}

/// How deep the tables and lists of a JSON5 text are nested, outside its texts and comments.
fn depth(text: &str) -> usize {
    let (mut now, mut most) = (0_usize, 0);
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '{' | '[' => now += 1,
            '}' | ']' => now = now.saturating_sub(1),
            '"' | '\'' => loop {
                match chars.next() {
                    Some('\\') => drop(chars.next()),
                    Some(inside) if inside != c => {}
                    _ => break,
                }
            },
            '/' if chars.peek() == Some(&'/') => {
                chars.by_ref().take_while(|c| !"\n\r\u{2028}\u{2029}".contains(*c)).for_each(drop);
            }
            '/' if chars.next_if_eq(&'*').is_some() => {
                while chars.next().is_some_and(|c| c != '*' || chars.peek() != Some(&'/')) {}
                chars.next();
            }
            _ => {}
        }
        most = most.max(now);
    }
    most
}

fn take(from: &mut Value, names: &[&str]) -> Option<Value> {
    let (first, deeper) = names.split_first()?;
    let table = from.as_object_mut()?;
    if deeper.is_empty() {
        return table.remove(*first);
    }
    let inner = table.get_mut(*first)?;
    let taken = take(inner, deeper)?;
    if inner.as_object().is_some_and(Map::is_empty) {
        table.remove(*first);
    }
    Some(taken)
}

fn leaves(value: &Value, path: &str, paths: &mut Vec<String>) {
    match value {
        Value::Object(table) if !table.is_empty() => {
            for (name, inner) in table {
                leaves(inner, &join(path, name), paths);
            }
        }
        Value::Array(items) if items.iter().any(Value::is_object) => {
            for (idx, inner) in items.iter().enumerate() {
                leaves(inner, &format!("{path}[{idx}]"), paths);
            }
        }
        _ => paths.push(path.to_owned()),
    }
}

/// A path and one more name, on one line whatever the name.
pub fn join(path: &str, name: &str) -> String {
    let bare = |c: char| c.is_alphanumeric() || "-_+$@*/".contains(c);
    let name = if !name.is_empty() && name.chars().all(bare) {
        name.to_owned()
    } else {
        format!("{name:?}")
    };
    if path.is_empty() { name } else { format!("{path}.{name}") }
}

/// YAML as JSON. Names that are not text become text; a tag says nothing to us.
fn json(value: serde_norway::Value) -> Value {
    use serde_norway::Value as Yaml;
    match value {
        Yaml::Null => Value::Null,
        Yaml::Bool(bool) => bool.into(),
        Yaml::Number(number) => number
            .as_u64()
            .map(Value::from)
            .or_else(|| number.as_i64().map(Value::from))
            .unwrap_or_else(|| number.as_f64().into()),
        Yaml::String(text) => text.into(),
        Yaml::Sequence(items) => items.into_iter().map(json).collect(),
        Yaml::Mapping(table) => table
            .into_iter()
            .map(|(name, value)| {
                let name = match json(name) {
                    Value::String(name) => name,
                    other => other.to_string(),
                };
                (name, json(value))
            })
            .collect::<Map<_, _>>()
            .into(),
        Yaml::Tagged(tagged) => json(tagged.value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(text: &str, name: &str) -> Source {
        Source::read(text, Path::new(name)).expect("it can be read")
    }

    #[test]
    fn what_is_taken_is_gone_and_the_rest_is_told_by_path() {
        let text = "{a: {b: 1, c: [2, {d: 3}]}, e: {f: 4}, 'g h': [5, 6], i: {}, }";
        let mut source = source(text, "x.json5");
        assert_eq!(source.take("a.b"), Some(1.into()));
        assert_eq!(source.take("e.f"), Some(4.into()));
        assert_eq!((source.take("e.f"), source.take("a.b.c")), (None, None));
        assert_eq!(source.rest(""), ["a.c[0]", "a.c[1].d", "\"g h\"", "i"]);
    }

    #[test]
    fn yaml_is_read_with_merges_and_names_that_are_numbers() {
        let text = "base: &b {x: 1}\nmore:\n  <<: *b\n  7: yes\n";
        let mut source = source(text, "x.YAML");
        assert_eq!(source.take("more.x"), Some(1.into()));
        assert_eq!(source.rest(""), ["base.x", "more.7"]);
    }

    #[test]
    fn text_that_cannot_be_read_is_an_error_with_its_place() {
        let error = Source::read("{\n a: }", Path::new("x.json")).err().expect("it is wrong");
        assert!(error.starts_with("x.json: not JSON5: ") && error.contains('2'), "{error}");
        let error = Source::read("a: [", Path::new("x.yml")).err().expect("it is wrong");
        assert!(error.contains("line"), "{error}");
        assert!(Source::read("[]", Path::new("x.json")).is_err());
    }

    #[test]
    fn depth_counts_tables_and_lists_outside_texts_and_comments() {
        let text = "{a: [\"[[\\\"[\", '{{\"', /* [[ * [ */ 1], // [[[[\n b: {c: [[]]}}";
        assert_eq!(depth(text), 4);
        let nested = |levels| format!("{}1{}", "{a:".repeat(levels), "}".repeat(levels));
        assert!(Source::read(&nested(DEPTH_MAX), Path::new("x.json")).is_ok());
        for levels in [DEPTH_MAX + 1, 100_000] {
            let error = Source::read(&nested(levels), Path::new("x.json")).err();
            assert!(error.expect("it is too deep").contains("100 levels"));
        }
    }
}
