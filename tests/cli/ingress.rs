//! From a line's source to its session, its lane and its agent; words for the queue.

use std::fs;

use crate::support::{Output, Program, file, folder, run};

fn sourced(settings: &str, agent: &[&str], lines: &[&str]) -> Output {
    let settings = file("laneq.toml", settings);
    let mut args = vec!["--config", settings.to_str().expect("text")];
    args.extend(agent);
    let output = run(&args, &lines.join("\n"));
    output.check();
    output
}

#[test]
fn a_source_becomes_a_key_by_the_scope_and_the_links() {
    let settings = "[session]\ndm_scope = \"per-peer\"\n[session.identity_links]\n\
                    ann = [\"telegram:1\", \"discord:2\"]\n";
    let output = sourced(
        settings,
        &["--agent", "sh -c 'echo $LANEQ_KEY'"],
        &[
            r#"{"id":"1","text":"t","source":{"channel":"telegram","peer":"1"}}"#,
            r#"{"id":"2","text":"t","source":{"channel":"discord","peer":"2"},"mode":"followup"}"#,
            r#"{"id":"3","text":"t","source":{"channel":"irc","kind":"group","group":"G:1","peer":"x"}}"#,
            r#"{"id":"4","text":"t","source":{"kind":"cron","id":"Daily"}}"#,
            r#"{"id":"5","text":"t","source":{"channel":"irc","peer":""}}"#,
        ],
    );
    let mut keys: Vec<_> = output.replies();
    keys.sort_unstable();
    keys.dedup();
    assert_eq!(keys, ["agent:main:direct:ann", "agent:main:irc:group:g%3a1", "cron:daily"]);
    let lanes: Vec<_> =
        output.events("message.accepted").iter().map(|l| l["lane"].clone()).collect();
    assert_eq!(lanes, ["main", "main", "main", "cron"]);
    let refused = output.events("message.refused")[0];
    assert_eq!((&refused["id"], &refused["reason"]), (&"5".into(), &"invalid".into()));
    assert_eq!(output.code, Some(1));
}

#[test]
fn a_queue_word_is_answered_and_a_wrong_one_says_what_is_right() {
    let lines = [
        r#"{"id":"1","key":"k","text":"/queue followup cap:3","meta":{"to":7}}"#,
        r#"{"id":"2","key":"k","text":"/queue sideways"}"#,
        r#"{"id":"3","key":"k","text":"/queue collect ordinary words"}"#,
    ];
    let output = sourced("", &["--agent", "cat"], &lines);
    let replies = output.events("reply");
    assert!(replies[0].get("run").is_none() && replies[0]["meta"]["to"] == 7, "{replies:?}");
    assert!(replies[0]["text"].as_str().is_some_and(|t| t.contains("followup (session)")));
    assert!(replies[1]["text"].as_str().is_some_and(|t| t.contains("collect|followup")));
    assert_eq!(replies[2]["text"], "ordinary words");
    let ids: Vec<_> = output.events("control.done").iter().map(|l| l["id"].clone()).collect();
    assert_eq!((ids, output.code), (vec!["1".into(), "2".into()], Some(0)));
}

#[test]
fn the_same_id_twice_is_refused_as_a_duplicate() {
    let line = r#"{"id":"1","key":"k","text":"t"}"#;
    let output = sourced("", &["--agent", "cat"], &[line, line]);
    assert_eq!(output.events("message.refused")[0]["reason"], "duplicate");
    assert_eq!((output.fate("1"), output.events("run.started").len()), ("ran", 1));
}

#[test]
fn agents_have_their_own_command_protocol_lane_and_deadline() {
    let settings = "[[agents]]\nid = \"ops\"\nlane = \"ops\"\nlane_concurrency = 2\n\
                    command = \"echo from ops {key}\"\n\
                    [[agents]]\nid = \"slow\"\nlane = \"slow\"\ncommand = \"sleep 1000\"\n\
                    deadline = \"50ms\"\n[engine]\nstop_grace = \"50ms\"\n";
    let output = sourced(
        settings,
        &["--agent", "echo from the general one"],
        &[
            r#"{"id":"1","text":"t","source":{"channel":"irc","peer":"ann","agent":"OPS"}}"#,
            r#"{"id":"2","text":"t","source":{"channel":"irc","peer":"ann"}}"#,
            r#"{"id":"3","text":"t","source":{"channel":"irc","peer":"ann","agent":"slow"}}"#,
        ],
    );
    let mut replies = output.replies();
    replies.sort_unstable();
    assert_eq!(replies, ["from ops agent:ops:main", "from the general one"]);
    let finished = output.events("run.finished");
    let slow = finished.iter().find(|line| line["key"] == "agent:slow:main").expect("it ended");
    assert_eq!((&slow["outcome"], &slow["cause"]), (&"stopped".into(), &"deadline".into()));
    let lanes: Vec<_> =
        output.events("run.started").iter().map(|l| l["lane"].to_string()).collect();
    assert!(lanes.contains(&"\"ops\"".to_owned()) && lanes.contains(&"\"slow\"".to_owned()));
}

#[test]
fn each_session_has_a_working_directory_of_its_own() {
    let parent = folder();
    let parent = parent.to_str().expect("text");
    let agent = ["--agent", "sh -c 'pwd; echo x >> seen'", "--session-dir", parent];
    let lines = [r#"{"key":"../up","text":"t"}"#, r#"{"key":"B","text":"t"}"#];
    let output = sourced("", &agent, &lines);
    let mut folders: Vec<String> = fs::read_dir(parent)
        .expect("it is there")
        .map(|entry| entry.expect("an entry").file_name().into_string().expect("text"))
        .collect();
    folders.sort();
    assert_eq!(folders, ["%2e.%2fup", "%42"]);
    assert!(output.replies().iter().all(|reply| reply.starts_with(parent)));
}

#[test]
fn plain_text_of_one_sender_is_one_run_with_an_inbound_debounce() {
    let settings = file("laneq.toml", "[inbound]\ndebounce = \"1m\"\n");
    let mut program =
        Program::start(&["--config", settings.to_str().expect("text"), "--agent", "cat"]);
    program.line(r#"{"id":"1","key":"k","sender":"ann","text":"one"}"#);
    program.line(r#"{"id":"2","key":"k","sender":"ann","text":"two","mode":"followup"}"#);
    program.line(r#"{"id":"3","key":"k","sender":"bob","text":"three"}"#);
    let output = program.finish();
    output.check().check_order();
    let runs: Vec<_> = output.events("run.started").iter().map(|l| l["messages"].clone()).collect();
    assert_eq!(runs, [serde_json::json!(["1", "2"]), serde_json::json!(["3"])]);
}

#[test]
fn a_reload_brings_and_changes_the_commands_of_agents() {
    let agent = |words: &str| format!("[[agents]]\nid = \"ops\"\ncommand = \"echo {words}\"\n");
    let settings = file("laneq.toml", "");
    let path = settings.to_str().expect("text").to_owned();
    let mut program = Program::start(&["--config", &path, "--agent", "echo general"]);
    let message = r#"{"text":"t","source":{"channel":"irc","peer":"ann","agent":"ops"}}"#;
    program.line(message);
    assert_eq!(program.event("reply")["text"], "general");
    for words in ["first", "second"] {
        fs::write(&settings, agent(words)).expect("a file");
        program.line(r#"{"control":"reload"}"#);
        program.event("control.done");
        program.line(message);
        assert_eq!(program.event("reply")["text"], words);
    }
    program.finish().check();
}

#[test]
fn what_an_agents_run_spawns_is_done_by_that_agent() {
    let script = "read -r _; echo '{\"spawn\":{\"key\":\"child\",\"text\":\"t\"}}'; read -r _; \
                  echo '{\"end\":\"parent\"}'; read -r _";
    let plain = "sh -c 'cat > /dev/null; echo child'";
    // The command of both is one: what it does depends on the key.
    let both = file(
        "both.sh",
        &format!(
            "if [ \"$LANEQ_KEY\" = child ]; then read -r _; \
                    echo '{{\"end\":\"by ops\"}}'; read -r _; else {script}; fi\n"
        ),
    );
    let settings = format!(
        "[[agents]]\nid = \"ops\"\nprotocol = \"jsonl\"\ncommand = \"sh {}\"\n",
        both.display()
    );
    let line = r#"{"text":"t","source":{"channel":"irc","peer":"ann","agent":"Ops"}}"#;
    let output = sourced(&settings, &["--agent", plain], &[line]);
    let mut replies = output.replies();
    replies.sort_unstable();
    assert_eq!(replies, ["by ops", "parent"]);
}
