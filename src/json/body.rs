//! One JSON object, field by field.

use std::time::Duration;

use crate::model::{MessageId, RunId};

/// The fields of one JSON object, written in the order in which they are added.
#[derive(Debug, Default)]
pub struct JsonBody(String);

impl JsonBody {
    /// No fields yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a field whose value is JSON already.
    #[must_use]
    pub fn raw(mut self, name: &str, json: &str) -> Self {
        self.0.push_str(",\"");
        self.0.push_str(name);
        self.0.push_str("\":");
        self.0.push_str(json);
        self
    }

    /// Adds a string.
    #[must_use]
    pub fn text(self, name: &str, text: &str) -> Self {
        self.raw(name, &json_quoted(text))
    }

    /// Adds a whole number.
    #[must_use]
    pub fn number(self, name: &str, number: u64) -> Self {
        self.raw(name, &number.to_string())
    }

    /// Adds `true` or `false`.
    #[must_use]
    pub fn flag(self, name: &str, flag: bool) -> Self {
        self.raw(name, if flag { "true" } else { "false" })
    }

    /// Adds a duration as milliseconds with three decimals.
    #[must_use]
    pub fn millis(self, name: &str, duration: Duration) -> Self {
        self.raw(name, &json_millis(duration))
    }

    /// Adds a list of strings.
    #[must_use]
    pub fn texts<'a>(self, name: &str, texts: impl IntoIterator<Item = &'a str>) -> Self {
        let texts: Vec<String> = texts.into_iter().map(json_quoted).collect();
        self.raw(name, &format!("[{}]", texts.join(",")))
    }

    /// Adds the field that `add` makes of the value, if there is one.
    #[must_use]
    pub fn maybe<T>(self, value: Option<T>, add: impl FnOnce(Self, T) -> Self) -> Self {
        match value {
            Some(value) => add(self, value),
            None => self,
        }
    }

    /// The fields, each after a comma, for a line that begins elsewhere.
    #[must_use]
    pub fn fields(self) -> String {
        self.0
    }

    /// The fields as an object of their own.
    #[must_use]
    pub fn object(mut self) -> String {
        if self.0.is_empty() {
            return "{}".to_owned();
        }
        self.0.replace_range(..1, "{");
        self.0.push('}');
        self.0
    }

    /// Adds fields that are written already, without a comma before them.
    pub(super) fn more(mut self, fields: &str) -> Self {
        if !fields.is_empty() {
            self.0.push(',');
            self.0.push_str(fields);
        }
        self
    }

    pub(super) fn id(self, id: &MessageId) -> Self {
        match id {
            MessageId::Given(id) => self.text("id", id),
            id @ MessageId::Made(..) => self.text("id", &id.to_string()),
        }
    }

    pub(super) fn run(self, run: RunId) -> Self {
        self.number("run", run.get())
    }

    pub(super) fn key(self, key: &str) -> Self {
        self.text("key", key)
    }

    pub(super) fn messages(self, ids: &[MessageId]) -> Self {
        let ids: Vec<String> = ids.iter().map(|id| json_quoted(&id.to_string())).collect();
        self.raw("messages", &format!("[{}]", ids.join(",")))
    }

    pub(super) fn ticket(self, lane: &str, key: &str, depth: u32) -> Self {
        self.text("lane", lane).key(key).number("depth", depth.into())
    }
}

/// A string as JSON.
#[must_use]
#[allow(clippy::missing_panics_doc, reason = "a string is always JSON")]
pub fn json_quoted(text: &str) -> String {
    serde_json::to_string(text).expect("a string is always JSON")
}

/// Milliseconds with three decimals.
#[must_use]
pub fn json_millis(duration: Duration) -> String {
    let micros = duration.as_micros();
    format!("{}.{:03}", micros / 1000, micros % 1000)
}
