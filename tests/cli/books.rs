//! The checks that hold for every output, whatever the input: two independent views of the truth.

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use crate::support::Output;

fn ids(line: &Value) -> Vec<String> {
    let list = line["messages"].as_array().expect("a list");
    list.iter().map(|id| id.as_str().expect("an id").to_owned()).collect()
}

fn key(line: &Value) -> String {
    line["key"].as_str().expect("a key").to_owned()
}

impl Output {
    /// P1, P2, P4 and the line's own promises, as the lines tell them.
    pub fn check(&self) -> &Self {
        self.check_numbers();
        self.check_fates();
        self.check_runs();
        self
    }

    fn check_numbers(&self) {
        for (line, number) in self.lines.iter().zip(1..) {
            assert_eq!(line["seq"], number, "sequence numbers have no gaps: {line}");
            assert!(line["t_ms"].is_number(), "{line}");
        }
    }

    /// P4: each accepted message has exactly one fate.
    fn check_fates(&self) {
        let mut fates: HashMap<&str, u32> = HashMap::new();
        for line in &self.lines {
            let id = line["id"].as_str().unwrap_or("");
            match line["event"].as_str().expect("a name") {
                "message.accepted" => assert_eq!(fates.insert(id, 0), None, "{id} twice"),
                "message.fate" => *fates.get_mut(id).expect("accepted before") += 1,
                _ => {}
            }
        }
        let wrong: Vec<_> = fates.iter().filter(|(_, n)| **n != 1).collect();
        assert!(wrong.is_empty(), "P4: {wrong:?}");
    }

    /// P1: runs of a key do not overlap; its last reply precedes the end of the run.
    fn check_runs(&self) {
        let mut live: HashMap<String, u64> = HashMap::new();
        let mut answered = HashSet::new();
        for line in &self.lines {
            match line["event"].as_str().expect("a name") {
                "run.started" => {
                    let run = line["run"].as_u64().expect("a number");
                    assert_eq!(live.insert(key(line), run), None, "P1: {line}");
                }
                "reply" if line["run"].is_u64() => {
                    assert_eq!(live.get(&key(line)).copied(), line["run"].as_u64(), "{line}");
                    if line["final"] == true {
                        assert!(answered.insert(line["run"].as_u64()), "one last reply: {line}");
                    }
                }
                "run.finished" => {
                    assert_eq!(live.remove(&key(line)), line["run"].as_u64(), "P1: {line}");
                    let done = line["outcome"] == "done";
                    assert_eq!(done, answered.contains(&line["run"].as_u64()), "{line}");
                }
                _ => {}
            }
        }
        assert!(live.is_empty(), "every run ends: {live:?}");
    }

    /// P2, for modes that do not reorder: a key's messages start in order of admission.
    pub fn check_order(&self) -> &Self {
        let mut admitted: HashMap<String, Vec<String>> = HashMap::new();
        let mut started: HashMap<String, Vec<String>> = HashMap::new();
        for line in &self.lines {
            match line["event"].as_str().expect("a name") {
                "message.accepted" => {
                    let id = line["id"].as_str().expect("an id").to_owned();
                    admitted.entry(key(line)).or_default().push(id);
                }
                "run.started" if line["attempt"] == 1 => {
                    started.entry(key(line)).or_default().extend(ids(line));
                }
                _ => {}
            }
        }
        for (key, started) in &started {
            let kept: HashSet<&String> = started.iter().collect();
            let admitted: Vec<_> = admitted[key].iter().filter(|id| kept.contains(id)).collect();
            assert_eq!(started.iter().collect::<Vec<_>>(), admitted, "P2: {key}");
        }
        self
    }
}
