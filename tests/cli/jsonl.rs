//! Agents that speak: steers, stops, garbage, children.

use crate::support::{Output, Program, fifo, file, run, three_calls, write_to};

fn jsonl(script: &str) -> String {
    let path = file("agent.sh", script);
    format!("sh {}", path.display())
}

fn talk(script: &str) -> Output {
    let agent = jsonl(script);
    let input =
        "{\"id\":\"1\",\"key\":\"k\",\"text\":\"t\",\"sender\":\"ann\",\"meta\":{\"to\":7}}\n";
    let output = run(&["--agent", &agent, "--agent-protocol", "jsonl"], input);
    output.check();
    output
}

#[test]
fn an_agent_reads_its_batch_and_its_last_reply_echoes_the_meta() {
    let output = talk(
        "read -r first\necho \"{\\\"say\\\":\\\"thinking\\\"}\"; read -r _\n\
        echo \"$first\" | grep -q '\"sender\":\"ann\"' && echo '{\"end\":\"yes\"}'; read -r _\n",
    );
    let replies = output.events("reply");
    assert_eq!((&replies[0]["text"], &replies[0]["final"]), (&"thinking".into(), &false.into()));
    assert_eq!((&replies[1]["text"], &replies[1]["final"]), (&"yes".into(), &true.into()));
    assert_eq!(replies[1]["meta"]["to"], 7);
}

#[test]
fn p5_a_steer_is_delivered_at_the_next_boundary_and_skips_what_has_not_started() {
    let gate = fifo("gate");
    let args =
        ["--agent", &three_calls(), "--agent-protocol", "jsonl", "--agent-env", "LANEQ_GATE"];
    let mut program = Program::start_with(&args, |c| c.env("LANEQ_GATE", &gate));
    program.line(r#"{"id":"1","key":"k","text":"first"}"#);
    program.event("reply");
    program.line(r#"{"id":"2","key":"k","text":"and this","mode":"steer"}"#);
    let landed = program.wait_for("the steer", |l| l["event"] == "message.accepted");
    assert_eq!(landed["placement"], "steered");
    write_to(&gate, "go\n");
    // The second plan passes the gate again.
    program.wait_for("a plan", |l| l["event"] == "reply" && l["text"] == "in the second call");
    write_to(&gate, "go\n");
    let output = program.finish();
    output.check();
    assert_eq!((output.fate("1"), output.fate("2")), ("ran", "steered"));
    let boundaries = output.events("run.boundary");
    assert!(boundaries.iter().any(|b| b["call"] == "b" && b["verdict"] == "steer"));
    assert_eq!(
        boundaries.iter().filter(|b| b["call"] == "c").count(),
        2,
        "only in the second plan"
    );
    assert_eq!((output.events("run.started").len(), output.code), (1, Some(0)));
}

#[test]
fn p5_taken_steers_of_an_agent_that_ends_become_turns() {
    let gate = fifo("gate");
    let agent = jsonl(&format!(
        "read -r first\ncase $first in *'\"attempt\":1,\"text\":\"first\"'*) ;; \
         *) echo '{{\"end\":\"turn\"}}'; read -r _; exit 0 ;; esac\n\
         echo '{{\"say\":\"up\"}}'; read -r _; read -r _ < {}\n\
         echo '{{\"take\":true}}'; read -r _\nexit 3\n",
        gate.display()
    ));
    let mut program = Program::start(&["--agent", &agent, "--agent-protocol", "jsonl"]);
    program.line(r#"{"id":"1","key":"k","text":"first"}"#);
    program.event("reply");
    program.line(r#"{"id":"2","key":"k","text":"steer","mode":"steer"}"#);
    program.wait_for("the steer", |l| l["event"] == "message.accepted" && l["id"] == "2");
    write_to(&gate, "go\n");
    let output = program.finish();
    output.check();
    assert_eq!(output.events("message.promoted").len(), 1);
    assert_eq!((output.fate("2"), output.replies()), ("ran", vec!["up", "turn"]));
}

#[test]
fn p6_a_stop_is_the_answer_to_the_next_request() {
    let gate = fifo("gate");
    let args =
        ["--agent", &three_calls(), "--agent-protocol", "jsonl", "--agent-env", "LANEQ_GATE"];
    let mut program = Program::start_with(&args, |c| c.env("LANEQ_GATE", &gate));
    program.line(r#"{"id":"1","key":"k","text":"first"}"#);
    program.event("reply");
    program.line(r#"{"id":"2","key":"k","text":"wait","mode":"followup"}"#);
    program.line(r#"{"id":"3","key":"k","text":" /stop\n"}"#);
    let done = program.event("control.done");
    assert_eq!((&done["id"], &done["result"]), (&"3".into(), &"directive".into()));
    write_to(&gate, "go\n");
    let output = program.finish();
    output.check();
    let finished = output.events("run.finished")[0];
    assert_eq!((&finished["outcome"], &finished["cause"]), (&"stopped".into(), &"stop".into()));
    assert_eq!((output.fate("1"), output.fate("2")), ("ran", "withdrawn"));
    let words: Vec<_> =
        output.events("reply").into_iter().filter(|r| r.get("run").is_none()).collect();
    assert_eq!(words.len(), 1, "an answer for the person");
    assert_eq!(words[0]["text"], "Stopped. Waiting messages taken back: 1.");
}

#[test]
fn garbage_is_answered_with_an_error_and_the_run_goes_on() {
    let output = talk(
        "read -r _\necho garbage; read -r a\necho '{}'; read -r b\n\
        echo '{\"tool\":\"start\",\"call\":\"x\"}'; read -r c\n\
        echo '{\"plan\":[\"x\",\"x\"]}'; read -r d\n\
        case $a$b$c$d in *invalid*invalid*no_plan*invalid*) echo '{\"end\":\"ok\"}'; read -r _ ;; esac\n",
    );
    assert_eq!((output.replies(), output.code), (vec!["ok"], Some(0)));
}

#[test]
fn an_agent_that_ends_without_end_is_done_or_failed_by_its_exit_code() {
    let output = talk("read -r _\nexit 0\n");
    assert_eq!(output.events("run.finished")[0]["outcome"], "done");
    let output = talk("exit 4\n");
    assert_eq!(output.events("run.finished")[0]["outcome"], "failed");
    assert_eq!(output.code, Some(1));
}

#[test]
fn an_end_that_is_written_last_counts_although_nobody_reads_the_answer() {
    let output = talk("echo '{\"end\":\"bye\"}'\n");
    assert_eq!((output.replies(), output.code), (vec!["bye"], Some(0)));
}

#[test]
fn p6_a_ledger_is_settled_in_source_order_once_no_call_is_open() {
    let output = talk(
        "read -r _\nask() { echo \"$1\"; read -r a; }\n\
        ask '{\"plan\":[\"x\",\"y\"]}'\nask '{\"tool\":\"start\",\"call\":\"x\"}'\n\
        ask '{\"settle\":true}'; open=$a\n\
        ask '{\"tool\":\"finish\",\"call\":\"x\",\"result\":{\"n\":1}}'\n\
        ask '{\"tool\":\"finish\",\"call\":\"y\",\"error\":true,\"result\":\"bad\"}'\n\
        ask '{\"settle\":true}'\n\
        case $open in *calls_open*x*) ;; *) exit 1 ;; esac\n\
        case $a in *'\"x\"'*completed*'{\"n\":1}'*'\"y\"'*rejected*bad*) ask '{\"end\":\"ok\"}' ;; esac\n",
    );
    assert_eq!(output.replies(), ["ok"], "{}", output.stderr);
}

#[test]
fn p8_a_run_spawns_waits_and_is_refused_a_cycle() {
    let output = talk(
        "read -r first\nask() { echo \"$1\"; read -r a; }\n\
        case $first in *child*) ask '{\"end\":\"from the child\"}'; exit 0 ;; esac\n\
        case $first in *behind*) exit 0 ;; esac\n\
        ask '{\"spawn\":{\"key\":\"c\",\"text\":\"child\",\"id\":\"c1\"}}'\n\
        ask '{\"wait\":\"c1\",\"n\":3}'; child=$a\n\
        ask '{\"spawn\":{\"key\":\"k\",\"text\":\"behind me\",\"id\":\"c2\",\"mode\":\"followup\"}}'\n\
        ask '{\"wait\":\"c2\",\"n\":4}'; cycle=$a\n\
        case $child in '{\"n\":3'*ran*'from the child'*) ;; *) exit 1 ;; esac\n\
        case $cycle in *would_deadlock*k*) ask '{\"end\":\"ok\"}' ;; *) exit 2 ;; esac\n",
    );
    assert_eq!(output.fate("c1"), "ran");
    assert!(output.replies().contains(&"ok"), "{:?} {}", output.replies(), output.stderr);
}

#[test]
fn notices_arrive_unasked_once_they_are_asked_for() {
    let gate = fifo("gate");
    let agent = jsonl(&format!(
        "read -r _\necho '{{\"hello\":{{\"notify\":true}}}}'; read -r _\n\
         echo up > {}\nread -r notice\ncase $notice in *notify*steer*) ;; *) exit 1 ;; esac\n\
         echo '{{\"take\":true}}'; read -r taken\n\
         case $taken in *hello*) echo '{{\"end\":\"took it\"}}'; read -r _ ;; esac\n",
        gate.display()
    ));
    let mut program = Program::start(&["--agent", &agent, "--agent-protocol", "jsonl"]);
    program.line(r#"{"id":"1","key":"k","text":"first"}"#);
    std::fs::read_to_string(&gate).expect("the agent is up");
    program.line(r#"{"id":"2","key":"k","text":"hello","mode":"steer"}"#);
    let output = program.finish();
    output.check();
    assert_eq!((output.fate("2"), output.replies()), ("steered", vec!["took it"]));
}

#[test]
fn an_agent_that_has_closed_its_input_is_heard_to_the_end() {
    let output = talk(
        "exec <&-\ni=0; while [ $i -lt 2000 ]; do i=$((i+1))\n\
         echo \"{\\\"say\\\":\\\"a line that is long enough to fill every pipe: $i\\\"}\"; done\n\
         echo '{\"end\":\"bye\"}'\n",
    );
    assert_eq!((output.replies().len(), output.code), (2001, Some(0)));
    assert_eq!(output.replies().last(), Some(&"bye"));
}

#[test]
fn p5_a_steer_that_came_before_notices_were_asked_for_is_noticed() {
    let (up, gate) = (fifo("up"), fifo("gate"));
    let agent = jsonl(&format!(
        "read -r _\necho up > {}\nread -r _ < {}\n\
         echo '{{\"hello\":{{\"notify\":true}}}}'; read -r _\nread -r notice\n\
         case $notice in *notify*steer*) ;; *) exit 1 ;; esac\n\
         echo '{{\"take\":true}}'; read -r _\necho '{{\"end\":\"took it\"}}'; read -r _\n",
        up.display(),
        gate.display()
    ));
    let mut program =
        Program::start(&["--agent", &agent, "--agent-protocol", "jsonl", "--deadline-ms", "20000"]);
    program.line(r#"{"id":"1","key":"k","text":"first"}"#);
    std::fs::read_to_string(&up).expect("the agent is up");
    program.line(r#"{"id":"2","key":"k","text":"steer","mode":"steer"}"#);
    program.wait_for("the steer", |l| l["event"] == "message.accepted" && l["id"] == "2");
    write_to(&gate, "go\n");
    let output = program.finish();
    assert_eq!((output.check().fate("2"), output.replies()), ("steered", vec!["took it"]));
}
