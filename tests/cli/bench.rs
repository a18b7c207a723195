//! The bench speaks the names that comparisons use.

use serde_json::Value;

use crate::support::laneq;

#[test]
fn every_workload_runs_and_names_its_figures() {
    // All but W7-1000000, whose million sessions no scale makes fewer.
    let names = "W1,W1k,W1t,W1m,W1m41,W2,W3,W4,W5,W6,W6s,W8,steer,cancel,threads,limits,J,Jos,Jback,keys,\
                 W7-1000,W7-100000";
    let args = ["bench", "--scale", "0.001", "--json", "--workload", names];
    let output = laneq().args(args).output().expect("it runs");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    let json: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let results = json["results"].as_array().expect("a list");
    let figure = |name: &str, metric: &str| {
        let of = results.iter().find(|r| r["workload"] == name).unwrap_or_else(|| panic!("{name}"));
        assert!(of["figures"][metric].is_number(), "{name} {metric}: {of}");
    };
    for name in ["W1", "W1k", "W1t", "W1m", "W1m41", "W2"] {
        figure(name, "ns_task");
    }
    figure("W3", "ns_session");
    figure("W4", "efficiency_pct");
    figure("W3", "grown_MB");
    figure("W5", "p99_us");
    figure("W5", "bare_p99_us");
    figure("W6", "max_us");
    figure("W7-1000", "total_ns");
    figure("W7-100000", "growth");
    figure("W8", "bytes_closure");
    figure("W8", "bytes_message");
    figure("W8", "bytes_session");
    figure("steer", "p99_us");
    figure("steer", "bare_p99_us");
    figure("cancel", "message_growth");
    figure("cancel", "child_10k_ns");
    figure("threads", "worker_KiB");
    figure("threads", "bare_p99_us");
    figure("limits", "lb_ns");
    figure("keys", "after_MB");
}

#[test]
fn a_harness_gives_the_workload_last_and_reads_tabs() {
    let output =
        laneq().args(["bench", "--tsv", "--scale", "0.001", "W7-10"]).output().expect("it runs");
    let text = String::from_utf8(output.stdout).expect("text");
    assert!(text.lines().any(|l| l.starts_with("laneq\tW7-10\ttotal_ns\t")), "{text}");
    let output = laneq().args(["bench", "W99"]).output().expect("it runs");
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("W1k"), "it lists the workloads");
}
