//! Bytes as the text of a message with words for the queue. A text without a slash has none; what is
//! left of an inline text was in it; knobs that are written down again are the same knobs.

#![no_main]
#![allow(dead_code, reason = "the engine uses more of this file")]

/// What the engine's reader imports.
mod model {
    pub use laneq::{Drop, Knobs, Mode};
}
#[path = "../../../src/ingress/directive.rs"]
mod directive;
#[path = "../plant.rs"]
mod plant;

use directive::{Directive, Word, read};
use model::Knobs;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    match read(text) {
        Directive::Absent => {}
        found if !text.contains('/') => panic!("{found:?}"),
        Directive::Wrong(words) => assert!(!words.trim().is_empty()),
        Directive::Alone(Word::Set(knobs)) => {
            plant::panics(knobs.cap.is_some() && knobs.mode.is_none());
            same(&knobs);
        }
        Directive::Alone(_) => {}
        Directive::Inline(knobs, left) => {
            same(&knobs);
            assert!(left.len() <= text.len(), "{left:?}");
            assert!(left.split_whitespace().all(|word| text.contains(word)), "{left:?}");
        }
    }
});

/// Knobs as a directive.
fn same(knobs: &Knobs) {
    assert_ne!(*knobs, Knobs::default(), "no knob is no directive");
    if knobs.debounce.is_some_and(|debounce| !debounce.subsec_nanos().is_multiple_of(1_000_000)) {
        // Less than a millisecond has no spelling of its own here.
        return;
    }
    let mut text = "/queue".to_owned();
    let mut word = |word: Option<String>| {
        if let Some(word) = word {
            text.push(' ');
            text.push_str(&word);
        }
    };
    word(knobs.mode.map(|mode| mode.to_string()));
    word(knobs.debounce.map(|debounce| format!("debounce:{}ms", debounce.as_millis())));
    word(knobs.cap.map(|cap| format!("cap:{cap}")));
    word(knobs.drop.map(|drop| format!("drop:{drop}")));
    assert_eq!(read(&text), Directive::Alone(Word::Set(knobs.clone())), "{text}");
}
