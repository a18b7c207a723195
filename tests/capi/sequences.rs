//! Random sequences of calls, and those that the fuzzer keeps: `tests/fuzz` finds more.

use std::fs;

use proptest::test_runner::{RngAlgorithm, TestRng};

use crate::driver::drive;
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
