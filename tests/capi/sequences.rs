//! Random sequences of calls, and those that the fuzzer keeps: `tests/fuzz` finds more.

use std::fs;

use proptest::test_runner::{RngAlgorithm, TestRng};

use laneq::capi::status::{LANEQ_E_HANDLE, LANEQ_OK};

use crate::driver::{drive, drive_through};
use crate::header::root;

/// The same in every run.
fn random(seed: u8) -> TestRng {
    TestRng::from_seed(RngAlgorithm::ChaCha, &[seed; 32])
}

/// Rows of `FAILURES.md`: F14, F16.
#[test]
fn no_sequence_of_calls_harms_the_library() {
    use proptest::prelude::Rng as _;
    let mut most = 0;
    for seed in 0..60 {
        let mut rng = random(seed);
        let mut bytes = vec![0; 256 + usize::from(seed) * 64];
        rng.fill_bytes(&mut bytes);
        most = drive(&bytes).max(most);
    }
    assert!(most > 30, "the longest reaches {most} functions alone");
}

#[test]
fn what_the_fuzzer_has_kept_harms_nobody() {
    let corpus = fs::read_dir(root().join("tests/fuzz/corpus/calls")).expect("the corpus");
    let mut seen = 0;
    for entry in corpus {
        drive(&fs::read(entry.expect("a file").path()).expect("it can be read"));
        seen += 1;
    }
    assert!(seen > 0, "the corpus is empty");
}

/// A driver that notices nothing proves nothing: here no function looks whether its handle was freed.
#[test]
fn a_freed_handle_that_is_served_is_noticed() {
    let blind = |_: &str, freed: bool, status: i32| {
        if freed && status == LANEQ_E_HANDLE { LANEQ_OK } else { status }
    };
    let corpus = fs::read_dir(root().join("tests/fuzz/corpus/calls")).expect("the corpus");
    let panics = |entry: std::io::Result<fs::DirEntry>| {
        let bytes = fs::read(entry.expect("a file").path()).expect("it can be read");
        std::panic::catch_unwind(|| drive_through(&bytes, blind)).err()
    };
    let panic = corpus.into_iter().find_map(panics).expect("it is noticed");
    let text = panic.downcast_ref::<String>().expect("words");
    assert!(text.contains("serves what was freed"), "{text}");
}
