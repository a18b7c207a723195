//! A fuzzer that finds nothing must be one that would: with `LANEQ_FUZZ_PLANT` set, each target has a
//! mistake that is reached by a way that no file of its corpus goes.

use std::sync::LazyLock;

static PLANTED: LazyLock<bool> = LazyLock::new(|| std::env::var_os("LANEQ_FUZZ_PLANT").is_some());

#[allow(dead_code, reason = "most targets have no way of their own to go wrong")]
pub fn is_planted() -> bool {
    *PLANTED
}

#[allow(dead_code, reason = "the C calls go wrong by themselves")]
pub fn panics(reached: bool) {
    assert!(!(reached && *PLANTED), "the planted mistake");
}
