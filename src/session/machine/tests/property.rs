//! P1 to P6: whatever happens in whatever order, the machine does what the model does.

use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestError, TestRng, TestRunner};

use super::driver::Driver;
use super::model::Plant;
use super::steps::case;

/// Enough to find every planted mistake many times over; a few seconds without optimization.
const CASES: u32 = 1000;

fn config(cases: u32) -> Config {
    Config { cases, failure_persistence: None, ..Config::default() }
}

proptest! {
    #![proptest_config(config(CASES))]

    /// After every step: fates, places, batches and their order, placements and reasons, the run
    /// and its inbox, window, timer, tickets, and accepted = fates + pending.
    #[test]
    fn p4_the_machine_does_what_the_promises_say((start, steps) in case()) {
        if let Err(why) = Driver::new(&start, None).run(&steps) {
            return Err(TestCaseError::fail(why));
        }
    }
}

/// A property that cannot fail proves nothing: with a mistake in the model, it must.
fn finds(plant: Plant) -> bool {
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let quick = Config { max_shrink_iters: 0, ..config(CASES) };
    let mut runner = TestRunner::new_with_rng(quick, rng);
    let result = runner.run(&case(), |(start, steps)| {
        Driver::new(&start, Some(plant)).run(&steps).map_err(TestCaseError::fail)
    });
    matches!(result, Err(TestError::Fail(..)))
}

#[test]
fn the_property_finds_every_planted_mistake() {
    let plants = [
        Plant::PromotedGoLast,
        Plant::RestoreForgetsTheStop,
        Plant::TakenExpire,
        Plant::AnythingMerges,
        Plant::WindowsNeverRestart,
        Plant::StopAfterOkIsStopped,
        Plant::RetryGoesAfterSteers,
        Plant::InterruptsAreVictims,
        Plant::PriorityIsTheHeads,
        Plant::CloseReturnsNoRetry,
    ];
    for plant in plants {
        assert!(finds(plant), "{plant:?} went unnoticed");
    }
}
