//! What a jsonl agent may ask for, one request a line.

use serde::Deserialize;
use serde_json::value::RawValue;

/// A request, with the number that its answer echoes.
#[derive(Debug)]
pub struct Request {
    pub n: Option<Box<RawValue>>,
    pub ask: Ask,
}

#[derive(Debug)]
pub enum Ask {
    Hello {
        notify: bool,
    },
    Plan(Vec<String>),
    Start(String),
    StartAll,
    Finish {
        call: String,
        result: Result<String, String>,
    },
    Settle,
    Boundary,
    Take,
    Steerable(bool),
    Say(String),
    /// A message, as on the program's input.
    Spawn(Box<RawValue>),
    Wait(String),
    End(String),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Hello {
    #[serde(default)]
    notify: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields {
    n: Option<Box<RawValue>>,
    hello: Option<Hello>,
    plan: Option<Vec<String>>,
    tool: Option<String>,
    call: Option<String>,
    #[serde(rename = "name")]
    _name: Option<String>,
    #[serde(default)]
    error: bool,
    result: Option<Box<RawValue>>,
    settle: Option<bool>,
    boundary: Option<bool>,
    take: Option<bool>,
    steerable: Option<bool>,
    say: Option<String>,
    spawn: Option<Box<RawValue>>,
    wait: Option<String>,
    end: Option<String>,
}

const ASKS: &str = "hello, plan, tool, settle, boundary, take, steerable, say, spawn, wait, end";

/// A line that cannot be served.
#[derive(Debug)]
pub struct Wrong {
    /// Its number, if it can be read as far as that.
    pub n: Option<Box<RawValue>>,
    pub detail: String,
}

/// Reads a request; the error says what is wrong, beside the number if there is one.
pub fn read(line: &[u8]) -> Result<Request, Wrong> {
    #[derive(Deserialize)]
    struct Peek {
        n: Option<Box<RawValue>>,
    }
    parse(line).map_err(|detail| {
        let n = serde_json::from_slice(line).ok().and_then(|peek: Peek| peek.n);
        Wrong { n, detail }
    })
}

fn parse(line: &[u8]) -> Result<Request, String> {
    let fields: Fields = serde_json::from_slice(line)
        .map_err(|error| error.to_string().replace("at line 1 column", "at column"))?;
    let mut found = Vec::new();
    let n = fields.n;
    let mut add = |ask: Option<Ask>| found.extend(ask);
    add(fields.hello.map(|hello| Ask::Hello { notify: hello.notify }));
    add(fields.plan.map(Ask::Plan));
    if let Some(step) = fields.tool {
        add(Some(tool(&step, fields.call, fields.error, fields.result)?));
    }
    add(fields.settle.filter(|yes| *yes).map(|_| Ask::Settle));
    add(fields.boundary.filter(|yes| *yes).map(|_| Ask::Boundary));
    add(fields.take.filter(|yes| *yes).map(|_| Ask::Take));
    add(fields.steerable.map(Ask::Steerable));
    add(fields.say.map(Ask::Say));
    add(fields.spawn.map(Ask::Spawn));
    add(fields.wait.map(Ask::Wait));
    add(fields.end.map(Ask::End));
    match (found.pop(), found.is_empty()) {
        (Some(ask), true) => Ok(Request { n, ask }),
        _ => Err(format!("a line asks for one thing: one of {ASKS}")),
    }
}

fn tool(
    step: &str,
    call: Option<String>,
    error: bool,
    result: Option<Box<RawValue>>,
) -> Result<Ask, String> {
    if step == "start_all" {
        return Ok(Ask::StartAll);
    }
    let call = call.ok_or_else(|| format!("tool {step:?} needs a call"))?;
    let result = result.map_or_else(|| "null".to_owned(), |json| json.get().to_owned());
    match step {
        "start" => Ok(Ask::Start(call)),
        "finish" => Ok(Ask::Finish { call, result: if error { Err(result) } else { Ok(result) } }),
        other => Err(format!("unknown step {other:?} of a tool: start, start_all or finish")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(line: &str) -> Ask {
        read(line.as_bytes()).expect("a request").ask
    }

    #[test]
    fn each_request_of_the_protocol_is_read() {
        assert!(matches!(ask(r#"{"hello":{"notify":true}}"#), Ask::Hello { notify: true }));
        assert!(matches!(ask(r#"{"plan":["a","b"]}"#), Ask::Plan(ids) if ids.len() == 2));
        assert!(matches!(ask(r#"{"tool":"start","call":"a","name":"x"}"#), Ask::Start(_)));
        assert!(matches!(ask(r#"{"tool":"start_all"}"#), Ask::StartAll));
        let finish = ask(r#"{"tool":"finish","call":"a","error":true,"result":{"x":1}}"#);
        assert!(matches!(finish, Ask::Finish { result: Err(json), .. } if json == r#"{"x":1}"#));
        assert!(matches!(ask(r#"{"settle":true}"#), Ask::Settle));
        assert!(matches!(ask(r#"{"boundary":true}"#), Ask::Boundary));
        assert!(matches!(ask(r#"{"take":true}"#), Ask::Take));
        assert!(matches!(ask(r#"{"steerable":false}"#), Ask::Steerable(false)));
        assert!(matches!(ask(r#"{"wait":"m1","n":3}"#), Ask::Wait(_)));
        assert!(matches!(ask(r#"{"end":"bye"}"#), Ask::End(_)));
    }

    #[test]
    fn a_line_that_asks_for_nothing_or_for_two_things_is_an_error() {
        for line in ["{}", r#"{"take":true,"boundary":true}"#, r#"{"take":false}"#, "garbage"] {
            assert!(read(line.as_bytes()).is_err(), "{line}");
        }
    }

    #[test]
    fn a_request_that_cannot_be_read_keeps_its_number() {
        for line in [r#"{"n":7,"tool":"start"}"#, r#"{"n":7,"colour":1}"#, r#"{"n":7}"#] {
            let n = read(line.as_bytes()).expect_err("it is wrong").n;
            assert_eq!(n.as_ref().map(|n| n.get()), Some("7"), "{line}");
        }
    }
}
