//! Bad input: each mistake is told with what and where, the others run, nothing is lost.

use crate::support::{Output, file, run};

fn echoed(input: &str) -> Output {
    let output = run(&["--agent", "cat"], input);
    output.check();
    output
}

#[test]
fn each_wrong_line_is_reported_with_its_number_and_the_rest_runs() {
    let lines = [
        r#"{"key":"k","text":"fine"}"#,
        r#"{"key":"k"#,
        "",
        r#"{"key":"k","text":"t","colour":"red"}"#,
        r#"{"key":"k","text":"t","mode":"later"}"#,
        r#"{"key":"k","text":"t","ttl_ms":-5}"#,
        r#"{"key":"k","text":"t","attempts":1.5}"#,
        r#"{"text":"no key"}"#,
        r#"{"key":"l","text":"fine too"}"#,
    ];
    let output = echoed(&lines.join("\n"));
    let invalid = output.events("input.invalid");
    let numbers: Vec<_> = invalid.iter().map(|line| line["line"].as_u64()).collect();
    assert_eq!(numbers, [2, 4, 5, 6, 7, 8].map(Some), "{invalid:?}");
    let errors: Vec<_> = invalid.iter().map(|line| line["error"].to_string()).collect();
    for (error, word) in
        errors.iter().zip(["column", "colour", "later", "ttl_ms", "attempts", "key"])
    {
        assert!(error.contains(word), "{error}");
    }
    let mut replies = output.replies();
    replies.sort_unstable();
    assert_eq!(replies, ["fine", "fine too"]);
    assert_eq!(output.code, Some(3));
}

#[test]
fn a_refused_message_says_why_and_the_others_run() {
    let long_key = "k".repeat(1025);
    let long_text = "t".repeat((1 << 20) + 1);
    let lines = [
        r#"{"id":"1","key":"","text":"t"}"#.to_owned(),
        format!(r#"{{"id":"2","key":"{long_key}","text":"t"}}"#),
        r#"{"id":"3","key":"k"}"#.to_owned(),
        format!(r#"{{"id":"4","key":"k","text":"{long_text}"}}"#),
        r#"{"id":"5","key":"k","text":"t","lane":"fast"}"#.to_owned(),
        r#"{"id":"6","key":"k","text":"t","attempts":101}"#.to_owned(),
        r#"{"id":"7","key":"k","text":"fine"}"#.to_owned(),
    ];
    let output = echoed(&lines.join("\n"));
    let refused = output.events("message.refused");
    let reasons: Vec<_> =
        refused.iter().map(|line| line["reason"].as_str().expect("a word")).collect();
    assert_eq!(
        reasons,
        ["invalid", "too_large", "invalid", "too_large", "unknown_lane", "invalid"]
    );
    let detail = refused[4]["detail"].as_str().expect("words");
    assert!(detail.contains("fast") && detail.contains("subagent"), "it lists the lanes: {detail}");
    assert_eq!((output.fate("7"), output.code), ("ran", Some(1)));
}

#[test]
fn invalid_utf8_and_a_truncated_last_line_are_reported() {
    let path = file("input", "");
    let mut bytes =
        b"{\"key\":\"k\",\"text\":\"\xff\"}\n{\"key\":\"k\",\"text\":\"fine\"}\n".to_vec();
    bytes.extend_from_slice(b"{\"key\":\"k\",\"te");
    std::fs::write(&path, bytes).expect("a file");
    let output = run(&["--agent", "cat", "--input", path.to_str().expect("text")], "");
    let errors = output.check().events("input.invalid");
    assert!(errors[0]["error"].to_string().contains("UTF-8 at column"), "{errors:?}");
    assert_eq!((errors.len(), errors[1]["line"].as_u64()), (2, Some(3)));
    assert_eq!((output.replies(), output.code), (vec!["fine"], Some(3)));
}

#[test]
fn a_command_line_that_cannot_work_ends_with_2_before_anything_runs() {
    let bad = file("bad.toml", "[queue]\ncap = 0\n");
    let bad = bad.to_str().expect("text");
    for (args, word) in [
        (&["--config", bad][..], "bad.toml:2:1: queue.cap = 0"),
        (&["--config", "/nowhere.toml"], "/nowhere.toml"),
        (&["--input", "/nowhere.jsonl"], "/nowhere.jsonl"),
        (&["--agent", "say 'hi"], "quotation mark"),
        (&["--agent", ""], "empty"),
        (&["--control", "/nowhere.fifo"], "/nowhere.fifo"),
        (&["--replay", "-1"], "0 or more"),
        (&["--deadline-ms", "0"], "0"),
    ] {
        let output = run(args, "");
        assert_eq!(output.code, Some(2), "{args:?}: {}", output.stderr);
        assert!(output.stderr.contains(word), "{args:?}: {}", output.stderr);
        assert!(output.lines.is_empty());
    }
}
