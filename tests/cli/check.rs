//! `laneq check`: settings are validated, printed, and taken over from another program.

use std::path::Path;

use crate::support::{file, laneq, run};

/// Code, standard output and standard error of `laneq check`.
fn check(args: &[&str]) -> (Option<i32>, String, String) {
    let output = laneq().arg("check").args(args).output().expect("the program starts");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    (output.status.code(), text(output.stdout), text(output.stderr))
}

fn checked(name: &str, content: &str) -> (Option<i32>, String, String) {
    check(&[path(&file(name, content))])
}

fn path(path: &Path) -> &str {
    path.to_str().expect("text")
}

#[test]
fn a_right_file_is_ok_in_either_format() {
    let toml = "[queue]\nmode = \"steer\"\n[[agents]]\nid = \"a\"\nlane = \"mine\"\n";
    let json = r#"{"queue": {"mode": "steer"}, "agents": [{"id": "a", "lane": "mine"}]}"#;
    for (name, text) in [("f.toml", toml), ("f.conf", toml), ("f.json", json), ("f.JSON", json)] {
        let (code, out, err) = checked(name, text);
        assert_eq!((code, err.as_str()), (Some(0), ""), "{name}");
        assert!(out.ends_with(&format!("{name}: ok\n")), "{out}");
    }
}

#[test]
fn each_mistake_is_told_with_file_line_column_key_and_range() {
    for (name, text, told) in [
        ("f.toml", "[queue]\n cap = 0\n", ":2:2: queue.cap = 0: the range is 1 to 100000"),
        ("f.toml", "[queue]\ncup = 0\n", ":2:1: queue.cup: unknown field"),
        ("f.toml", "[queue]\ncap = \"x\"\n", ":2:7: queue.cap: invalid type"),
        ("f.toml", "[queue]\ncap = -1\n", "a whole number: the range is 1 to 100000"),
        ("f.toml", "[inbound]\ndebounce = \"2m\"\n", "= 2m: the range is 0ms to 1m"),
        ("f.toml", "[session]\ndm_scope = \"all\"\n", "per-account-channel-peer"),
        ("f.toml", "[lanes.a]\nconcurrency = 1.5\n", ":2:15: lanes.a.concurrency: "),
        ("f.toml", "[journal]\nattempts = 0\n", ":2:1: journal.attempts = 0: the range is 1"),
        ("f.toml", "[queue\n", ":1:"),
        ("f.json", "{\"queue\":\n {\"cap\": 0}}", ":2:3: queue.cap = 0: the range is 1 to 100000"),
        ("f.json", "{\"queue\":\n {\"cup\": 0}}", ":2:3: queue.cup: unknown field"),
        ("f.json", "{\"queue\":\n {\"cap\": \"x\"}}", ":2:10: queue.cap: invalid type"),
        ("f.json", "{\"queue\":\n", ":2:"),
    ] {
        let (code, out, err) = checked(name, text);
        assert_eq!((code, out.as_str()), (Some(2), ""), "{text}: {err}");
        assert!(err.contains(&format!("{name}:")) && err.contains(told), "{told}: {err}");
    }
}

#[test]
fn agents_and_jobs_that_contradict_each_other_are_errors() {
    let agent = |id: &str, rest: &str| format!("[[agents]]\nid = \"{id}\"\n{rest}\n");
    let job = |rest: &str| format!("[[cron]]\nid = \"j\"\ntext = \"t\"\n{rest}\n");
    let figure = |n| format!("lane = \"x\"\nlane_concurrency = {n}");
    for (text, words) in [
        (agent("ann", &figure(1)) + &agent("bob", &figure(2)), ["\"ann\"", "\"bob\""]),
        (agent("ann", "") + &agent("ann", ""), ["agents[1].id", "already"]),
        (agent("ann", "lane = \"session\""), ["agents[0].lane", "reserved"]),
        (agent("ann", "lane = \"\""), ["agents[0].lane", "reserved"]),
        (agent("ann", &figure(-1)), ["agents[0].lane_concurrency", "0 (paused) to 4096"]),
        (job(""), ["\"j\"", "neither schedule nor every"]),
        (job("every = \"1m\"\nschedule = \"* * * * *\""), ["cron[0].every", "schedule too"]),
        (job("every = \"1m\"") + &job("every = \"1m\""), ["cron[1].id", "already"]),
    ] {
        let (code, _, err) = checked("f.toml", &text);
        assert_eq!(code, Some(2), "{text}");
        assert!(words.iter().all(|word| err.contains(word)), "{words:?}: {err}");
    }
    let paused = agent("ann", &figure(0)) + &agent("bob", &figure(0));
    assert_eq!(checked("f.toml", &paused).0, Some(0));
}

#[test]
fn the_printed_defaults_are_a_file_that_is_right() {
    let (code, defaults, _) = check(&["--print-defaults"]);
    assert_eq!(code, Some(0));
    for table in ["[lanes.main]", "[queue]", "[session]", "[inbound]", "[[agents]]", "[[cron]]"] {
        assert!(defaults.contains(table), "{table}");
    }
    assert_eq!(checked("defaults.toml", &defaults).0, Some(0));
}

#[test]
fn a_run_reads_json_settings_and_the_lanes_of_agents() {
    let bad = file("bad.json", "{\"queue\": {\"cap\": 0}}");
    let output = run(&["--config", path(&bad)], "");
    assert_eq!(output.code, Some(2));
    assert!(output.stderr.contains("bad.json:1:12: queue.cap = 0"), "{}", output.stderr);
    let good = file("good.json", r#"{"agents": [{"id": "a", "lane": "mine"}]}"#);
    let input = r#"{"key": "k", "text": "hi", "lane": "mine"}"#;
    let output = run(&["--config", path(&good), "--agent", "cat"], input);
    assert_eq!((output.replies(), output.code), (vec!["hi"], Some(0)), "{}", output.stderr);
}

const OPENCLAW: &str = r#"{
  // JSON5, as its users write it
  gateway: { auth: { token: 'very-secret' } },
  messages: { queue: { mode: 'steer', byChannel: { discord: 'collect' }, cap: 25, } },
  agents: {
    defaults: { maxConcurrent: 6, model: { primary: 'x/y' } },
    list: [{ id: 'support', lane: 'support', laneConcurrency: 10, workspace: '~/w' }],
  },
}"#;

#[test]
fn settings_of_openclaw_become_a_file_that_is_right_and_says_what_is_missing() {
    let (code, page, err) = check(&["--from-openclaw", path(&file("openclaw.json", OPENCLAW))]);
    assert_eq!((code, err.as_str()), (Some(0), ""));
    for told in [
        "#   gateway.auth.token\n",
        "#   agents.defaults.model.primary\n",
        "#   agents.list[0].workspace\n",
        "#   messages.queue.debounceMs: OpenClaw 500",
        "[queue]\nmode = \"steer\"\ncap = 25\n",
        "[queue.channels.discord]\nmode = \"collect\"\n",
        "[lanes.main]\nconcurrency = 6\n",
        "[[agents]]\nid = \"support\"\nlane = \"support\"\nlane_concurrency = 10\n",
    ] {
        assert!(page.contains(told), "{told}: {page}");
    }
    assert!(!page.contains("very-secret"), "{page}");
    assert_eq!(checked("made.toml", &page).0, Some(0), "{page}");
}

#[test]
fn settings_of_openclaw_are_read_from_yaml_too() {
    let yaml = "commandQueue:\n  collect:\n    windowMs: 2000\n    maxMessages: 5\n    \
        resetOnNewMessage: false\n    other: 1\n";
    let (code, page, err) = check(&["--from-openclaw", path(&file("queue.yml", yaml))]);
    assert_eq!(code, Some(0), "{err}");
    let expected = "[queue]\ndebounce = \"2s\"\nreset_on_new_message = false\nmax_batch = 5\n";
    assert!(page.contains(expected) && page.contains("#   commandQueue.collect.other\n"), "{page}");
    assert_eq!(checked("made.toml", &page).0, Some(0), "{page}");
}

#[test]
fn settings_of_openclaw_that_cannot_be_taken_over_are_errors_and_print_nothing() {
    let clash = "{agents: {list: [{id: 'ann', lane: 'x', laneConcurrency: 1}, \
        {id: 'bob', lane: 'x', laneConcurrency: 2}]}}";
    for (name, text, told) in [
        ("o.json", "{ a: ", "not JSON5"),
        ("o.yaml", "a: [", "not YAML"),
        ("o.json5", "[1]", "a table"),
        ("o.json", clash, "\"bob\""),
    ] {
        let (code, out, err) = check(&["--from-openclaw", path(&file(name, text))]);
        assert_eq!((code, out.as_str()), (Some(2), ""), "{err}");
        assert!(err.contains(name) && err.contains(told), "{told}: {err}");
    }
    assert_eq!(check(&["--from-openclaw", "/nowhere.json"]).0, Some(2));
    assert_eq!(check(&["--from-openclaw", "a", "b"]).0, Some(2));
    assert_eq!(check(&[]).0, Some(2));
}
