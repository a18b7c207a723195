//! Bytes as settings, TOML and JSON. What is refused is refused with words and a place; what is
//! accepted is in range, is accepted again, and an engine takes it or says why not.

#![no_main]

#[path = "../plant.rs"]
mod plant;

use laneq::{Concurrency, Config, Engine};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let read: [fn(&str, &str) -> Result<Config, laneq::Error>; 2] =
        [Config::from_toml, Config::from_json];
    for read in read {
        match read(text, "fuzz") {
            Err(error) => refused(&error.to_string()),
            Ok(config) => accepted(&config, || read(text, "fuzz")),
        }
    }
});

/// `fuzz:line:column: what is wrong`.
fn refused(error: &str) {
    let mut parts = error.splitn(4, ':');
    assert_eq!(parts.next(), Some("fuzz"), "{error}");
    for place in [parts.next(), parts.next()] {
        let place: usize = place.and_then(|p| p.parse().ok()).unwrap_or_else(|| panic!("{error}"));
        assert!(place > 0, "{error}");
    }
    assert!(parts.next().is_some_and(|what| !what.trim().is_empty()), "{error}");
}

fn accepted(config: &Config, again: impl FnOnce() -> Result<Config, laneq::Error>) {
    assert_eq!(config.validate(), Ok(()), "it was accepted");
    assert_eq!(again().as_ref(), Ok(config), "it is read the same each time");
    for lane in ["main", "subagent", "cron"] {
        assert!(config.lanes.contains_key(lane), "{lane} always exists");
    }
    let few = |lane: &laneq::Lane| matches!(lane.concurrency, Concurrency::Limit(0..=1 | 9..));
    plant::panics(config.lanes.values().any(few));
    if let Err(error) = Engine::builder(config.clone()).check() {
        assert!(!error.to_string().trim().is_empty());
    }
}
