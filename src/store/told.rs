//! What a transcript tells, as plain data: [`transcript`](super::transcript) says what it means.

use std::borrow::Cow;

use serde::{Serialize, Serializer};

use crate::model::Source;

/// One record without its run and its time. The name of each is its field `event`.
#[derive(Serialize)]
#[serde(tag = "event", rename_all = "lowercase")]
pub(crate) enum Told<'a> {
    Started {
        lane: &'a str,
        attempt: u32,
        messages: Vec<Part<'a>>,
        summary: Vec<&'a str>,
        summary_of: u32,
    },
    Steered {
        messages: Vec<Part<'a>>,
    },
    Called {
        results: Vec<Called<'a>>,
    },
    Said {
        text: &'a str,
    },
    Replied {
        text: &'a str,
    },
    Ended {
        outcome: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        cause: Option<&'static str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        error: Option<&'a str>,
        run_ms: f64,
        retry: bool,
    },
}

/// One message of a batch, or one steer.
#[derive(Serialize)]
pub(crate) struct Part<'a> {
    pub(crate) id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) sender: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) authority: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) source: Option<&'a Source>,
    pub(crate) text: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) payload: Option<Json<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) media: Option<Json<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) meta: Option<Json<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) seen: Option<bool>,
}

/// The result of one tool call.
#[derive(Serialize)]
pub(crate) struct Called<'a> {
    pub(crate) call: &'a str,
    pub(crate) state: &'static str,
    pub(crate) error: bool,
    pub(crate) effects: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) code: Option<&'static str>,
    pub(crate) result: Option<Json<'a>>,
}

/// A JSON text of the host, which may be none.
pub(crate) struct Json<'a>(pub(crate) &'a str);

#[cfg(feature = "transcripts")]
impl Serialize for Json<'_> {
    /// As it is, if any reader can read it in its place and on one line; else as a string.
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        use serde_json::value::{RawValue, Value};
        let sound = |value: Value| is_flat(&value, DEPTH);
        if !serde_json::from_str(self.0).is_ok_and(sound) {
            return to.serialize_str(self.0);
        }
        // In a string a line break is escaped: these are between the parts.
        let line = self.0.trim().replace(['\n', '\r'], " ");
        match RawValue::from_string(line) {
            Ok(raw) => raw.serialize(to),
            Err(_) => to.serialize_str(self.0),
        }
    }
}

#[cfg(not(feature = "transcripts"))]
impl Serialize for Json<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self.0)
    }
}

/// Levels of a host's JSON. Common readers take 128 in all.
#[cfg(feature = "transcripts")]
const DEPTH: usize = 100;

#[cfg(feature = "transcripts")]
fn is_flat(value: &serde_json::Value, levels: usize) -> bool {
    use serde_json::Value;
    let Some(below) = levels.checked_sub(1) else { return false };
    match value {
        Value::Array(items) => items.iter().all(|item| is_flat(item, below)),
        Value::Object(fields) => fields.values().all(|field| is_flat(field, below)),
        _ => true,
    }
}

#[cfg(all(test, feature = "transcripts"))]
mod tests {
    use super::*;

    fn written(json: &str) -> String {
        serde_json::to_string(&Json(json)).expect("it can be written")
    }

    #[test]
    fn json_of_the_host_is_kept_as_it_is_on_one_line() {
        assert_eq!(written(r#"{"b":1.50,"a":[2]}"#), r#"{"b":1.50,"a":[2]}"#);
        assert_eq!(written("\r\n{\"a\":\n1}\n"), "{\"a\": 1}");
        assert_eq!(written("18446744073709551616"), "18446744073709551616");
    }

    #[test]
    fn what_a_reader_could_not_read_is_a_string() {
        let deep = format!("{}{}", "[".repeat(DEPTH + 1), "]".repeat(DEPTH + 1));
        for json in ["", "oops", "{", "1 2", "1]", "\"\\ud800\"", "1e999", deep.as_str()] {
            let line = written(json);
            assert_eq!(serde_json::from_str::<String>(&line).expect("a string"), json);
        }
        let fits = format!("{}{}", "[".repeat(DEPTH - 1), "]".repeat(DEPTH - 1));
        assert_eq!(written(&fits), fits);
    }
}
