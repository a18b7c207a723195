//! Plain agents: what they are given, what becomes of their answers, and how they are ended.

use std::fs;

use crate::support::{Program, fifo, file, folder, run};

fn one(text: &str) -> String {
    format!("{}\n", serde_json::json!({"id": "1", "key": "a b", "text": text}))
}

#[test]
fn an_agent_is_given_the_text_its_session_and_nothing_of_our_environment() {
    let agent = "sh -c 'cat; echo; env | sort; echo \"$0 $1\"' {session} {key}";
    let mut program = Program::start_with(&["--agent", agent, "--agent-env", "GIVEN"], |command| {
        command.env("GIVEN", "yes").env("SECRET", "no")
    });
    program.line(&one("hello"));
    let output = program.finish();
    let reply = output.check().replies()[0].to_owned();
    let session = "LANEQ_SESSION=";
    for line in [
        "hello",
        "GIVEN=yes",
        "LANEQ_KEY=a b",
        "LANEQ_LANE=main",
        "LANEQ_ATTEMPT=1",
        "LANEQ_BATCH=1",
    ] {
        assert!(reply.lines().any(|l| l == line), "{line}: {reply}");
    }
    assert!(!reply.contains("SECRET"), "{reply}");
    let uuid = reply.lines().find_map(|l| l.strip_prefix(session)).expect("a session");
    assert!(reply.lines().last().is_some_and(|l| l == format!("{uuid} a b")), "{reply}");
}

#[test]
fn an_agent_that_fails_ends_its_run_and_no_other() {
    let agent = "sh -c 'read -r t; test \"$t\" = good && echo fine'";
    let input = "{\"id\":\"1\",\"key\":\"k\",\"text\":\"bad\"}\n{\"id\":\"2\",\"key\":\"l\",\"text\":\"good\\n\"}\n";
    let output = run(&["--agent", agent], input);
    let finished = output.check().events("run.finished");
    let failed = finished.iter().find(|line| line["key"] == "k").expect("it ended");
    assert_eq!((&failed["outcome"], &failed["cause"]), (&"failed".into(), &"exit".into()));
    assert_eq!((output.fate("1"), output.fate("2"), output.code), ("ran", "ran", Some(1)));
    assert_eq!(output.replies(), ["fine"]);
}

#[test]
fn an_agent_that_cannot_be_started_fails_its_runs_and_says_why() {
    let output = run(&["--agent", "/nowhere/agent"], &one("x"));
    assert_eq!(output.check().events("run.finished")[0]["outcome"], "failed");
    assert!(output.stderr.contains("\"/nowhere/agent\" cannot be started"), "{}", output.stderr);
    assert_eq!(output.code, Some(1));
}

#[test]
fn an_agent_need_not_read_its_input() {
    let output = run(&["--agent", "echo done"], &one(&"x".repeat(1 << 20)));
    assert_eq!((output.check().replies(), output.code), (vec!["done"], Some(0)));
}

#[test]
fn p9_a_reply_is_cut_at_1_mib_and_says_so() {
    let output = run(&["--agent", "sh -c 'head -c 3000000 /dev/zero | tr \"\\0\" x'"], &one("x"));
    let reply = output.check().events("reply")[0];
    assert_eq!(reply["truncated"], true);
    assert_eq!(reply["text"].as_str().map(str::len), Some(1 << 20));
}

#[test]
fn what_an_agent_leaves_behind_is_ended_before_its_session_goes_on() {
    let pids = folder().join("pids");
    let agent = format!("sh -c 'sleep 1000 & echo $! >> {}; echo ok'", pids.display());
    let output = run(&["--agent", &agent], &one("x"));
    assert_eq!(output.check().replies(), ["ok"]);
    for pid in fs::read_to_string(pids).expect("written").lines() {
        let state = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        assert!(state.is_empty() || state.contains(") Z "), "{pid} lives: {state}");
    }
}

#[test]
fn standard_error_is_forwarded_with_key_and_run_or_goes_where_it_is_sent() {
    let agent = "sh -c 'echo oops >&2'";
    let output = run(&["--agent", agent], &one("x"));
    assert!(output.stderr.contains("[a b run 1] oops\n"), "{}", output.stderr);
    let output = run(&["--agent", agent, "--agent-stderr", "drop"], &one("x"));
    assert!(!output.stderr.contains("oops"), "{}", output.stderr);
    let log = file("log", "");
    run(&["--agent", agent, "--agent-stderr", log.to_str().expect("text")], &one("x"));
    assert_eq!(fs::read_to_string(log).expect("written"), "oops\n");
}

#[test]
fn p6_an_agent_that_ignores_its_stop_is_killed_after_the_grace() {
    let gate = fifo("gate");
    let agent =
        format!("sh -c 'trap \"\" TERM; echo up > {}; while :; do sleep 1; done'", gate.display());
    let mut program = Program::start(&["--agent", &agent, "--stop-grace-ms", "50"]);
    program.line(&one("x"));
    assert_eq!(fs::read_to_string(&gate).expect("it has begun"), "up\n");
    program.line(r#"{"control":"interrupt","key":"a b","n":1}"#);
    let output = program.finish();
    let finished = output.check().events("run.finished")[0];
    assert_eq!(
        (&finished["outcome"], &finished["cause"]),
        (&"stopped".into(), &"interrupt".into())
    );
    assert_eq!(output.code, Some(0), "{}", output.stderr);
}

#[test]
fn p6_a_deadline_stops_an_agent_that_never_ends() {
    let args = ["--agent", "sleep 1000", "--deadline-ms", "50", "--stop-grace-ms", "50"];
    let output = run(&args, &one("x"));
    let finished = output.check().events("run.finished")[0];
    assert_eq!((&finished["outcome"], &finished["cause"]), (&"stopped".into(), &"deadline".into()));
}

#[test]
fn a_failing_batch_is_retried_then_parked_and_can_be_requeued() {
    let settings = file("s.toml", "[queue]\nattempts = 2\nbackoff = \"1ms\"\n");
    let broken = folder().join("fixed");
    let agent = format!("test -e {}", broken.display());
    let settings = settings.to_str().expect("text");
    let mut program = Program::start(&["--agent", &agent, "--config", settings]);
    program.line(&one("x"));
    let fate = program.event("message.fate");
    assert_eq!((&fate["fate"], &fate["id"]), (&"parked".into(), &"1".into()));
    fs::write(&broken, "").expect("a file");
    program.line(r#"{"control":"requeue","id":"1","n":2}"#);
    let done = program.event("message.fate");
    assert_eq!((&done["fate"], &done["outcome"]), (&"ran".into(), &"done".into()));
    let output = program.finish();
    assert_eq!(output.events("run.retrying").len(), 1);
    assert_eq!((output.events("run.started").len(), output.code), (3, Some(1)));
}

#[test]
#[cfg(target_os = "linux")]
fn p9_an_agent_that_has_closed_its_output_costs_no_time() {
    let spent = folder().join("spent");
    // The agent looks at its parent, after a second in which there was nothing to do.
    let agent = format!("sh -c 'exec >&-; sleep 1; cat /proc/$PPID/stat > {}'", spent.display());
    let output = run(&["--agent", &agent], &one("x"));
    assert_eq!((output.check().fate("1"), output.code), ("ran", Some(0)));
    let stat = fs::read_to_string(spent).expect("written");
    let fields = stat.rsplit_once(") ").expect("a name").1.split(' ');
    let ticks: u64 = fields.skip(11).take(2).map(|n| n.parse::<u64>().expect("ticks")).sum();
    assert!(ticks < 40, "{ticks} hundredths of a second of work while nothing happened");
}

#[test]
fn all_of_an_agents_standard_error_is_forwarded_before_its_run_is_over() {
    let output = run(&["--agent", "sh -c 'seq 5000 >&2'"], &one("x"));
    let lines = output.stderr.lines().filter(|l| l.starts_with("[a b run 1] ")).count();
    assert_eq!(lines, 5000);
    let last = output.stderr.find("run 1] 5000\n").expect("the last line");
    assert!(last < output.stderr.find("laneq: 1 messages").expect("the totals"));
}

#[test]
fn a_parked_message_that_is_refused_can_be_requeued_later() {
    let settings = "[queue]\nmode = \"followup\"\ncap = 1\ndrop = \"new\"\nbackoff = \"1ms\"\n";
    let settings = file("s.toml", settings);
    let (gate, fixed) = (fifo("gate"), folder().join("fixed"));
    let script = file(
        "agent.sh",
        &format!(
            "case $(cat) in bad) test -e {} ;; *) read -r _ < {} ;; esac\n",
            fixed.display(),
            gate.display()
        ),
    );
    let agent = format!("sh {}", script.display());
    let settings = settings.to_str().expect("text");
    let mut program = Program::start(&["--agent", &agent, "--config", settings]);
    program.line(r#"{"id":"1","key":"k","text":"bad","attempts":2}"#);
    assert_eq!(program.event("message.fate")["fate"], "parked");
    program.line(r#"{"id":"2","key":"k","text":"t"}"#);
    program.wait_for("its run", |l| l["event"] == "run.started" && l["messages"][0] == "2");
    program.line(r#"{"id":"3","key":"k","text":"t"}"#);
    program.line(r#"{"control":"requeue","id":"1","n":1}"#);
    assert_eq!(program.event("control.failed")["n"], 1, "the session is full");
    program.let_go(&gate, 3, 4);
    program.wait_for("the third", |l| l["event"] == "message.fate" && l["id"] == "3");
    fs::write(&fixed, "").expect("a file");
    program.line(r#"{"control":"requeue","id":"1","n":2}"#);
    assert_eq!(program.wait_for("an answer", |l| l["n"] == 2)["event"], "control.done");
    let output = program.finish();
    assert_eq!(output.events("run.finished").last().expect("a run")["outcome"], "done");
}
