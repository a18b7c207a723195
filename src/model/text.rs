//! The text of a message, which one thread writes and another lets go of.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use arrayvec::ArrayString;
use smol_str::SmolStr;

use crate::sync::magazines::magazines;

/// Bytes that have room in place.
const SHORT: usize = 23;
/// Bytes of a text whose memory is used again: with its length and the allocator's word, two
/// cache lines. Nine of ten chat messages are no longer.
const USUAL: usize = 116;

magazines! {
    /// Where texts were.
    static TEXTS: Box<ArrayString<USUAL>>;
}

/// A text that does not change.
///
/// One thread makes a text and another lets it go, and that one allocation was a fifth of what a
/// message cost. So a short one has none, and that of a usual one is used again.
pub(crate) enum Text {
    /// Short, in place; or longer than usual, and shared.
    Plain(SmolStr),
    Usual(Box<ArrayString<USUAL>>),
}

impl Text {
    /// A long text that is shared already is not copied.
    #[inline]
    pub(crate) fn of(text: impl AsRef<str> + Into<Arc<str>>) -> Self {
        match text.as_ref() {
            short if short.len() <= SHORT => Self::Plain(SmolStr::new_inline(short)),
            usual if usual.len() <= USUAL => Self::Usual(boxed(usual)),
            _ => Self::Plain(SmolStr::from(text.into())),
        }
    }

    /// For whoever keeps it longer than its message.
    pub(crate) fn shared(&self) -> Arc<str> {
        match self {
            Self::Plain(text) => text.clone().into(),
            Self::Usual(text) => Arc::from(text.as_str()),
        }
    }

    /// Leaves its memory to another text.
    #[inline]
    pub(crate) fn leave(self) {
        if let Self::Usual(mut text) = self {
            text.clear();
            TEXTS.give(text);
        }
    }
}

/// In the memory of one that is gone, if there is one.
fn boxed(text: &str) -> Box<ArrayString<USUAL>> {
    let mut emptied = TEXTS.take(Ok, |_| ()).unwrap_or_default();
    emptied.push_str(text);
    emptied
}

impl Deref for Text {
    type Target = str;

    #[inline]
    fn deref(&self) -> &str {
        match self {
            Self::Plain(text) => text,
            Self::Usual(text) => text,
        }
    }
}

impl Clone for Text {
    fn clone(&self) -> Self {
        match self {
            Self::Plain(text) => Self::Plain(text.clone()),
            Self::Usual(text) => Self::Usual(boxed(text)),
        }
    }
}

impl PartialEq for Text {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_of_any_length_reads_as_it_was_written() {
        for len in [0, 1, SHORT, SHORT + 1, USUAL, USUAL + 1, 1000] {
            // Of two bytes each and one, so that no length splits a character.
            let text = "\u{e9}".repeat(len / 2) + &"x".repeat(len % 2);
            let made =
                [Text::of(text.as_str()), Text::of(text.clone()), Text::of(Arc::from(&*text))];
            for made in made {
                assert_eq!((&*made, &*made.clone(), &*made.shared()), (&*text, &*text, &*text));
                assert!(made == Text::of(text.clone()) && made != Text::of(format!("{text}.")));
                assert_eq!(made.to_string(), text);
            }
        }
    }

    #[test]
    fn a_long_text_that_is_shared_is_not_copied() {
        let text = Arc::<str>::from("x".repeat(USUAL + 1));
        let made = Text::of(Arc::clone(&text));
        assert!(Arc::ptr_eq(&made.clone().shared(), &text) && made.as_ptr() == text.as_ptr());
    }

    #[test]
    fn a_text_takes_no_more_room_than_in_place() {
        assert_eq!(size_of::<Text>(), size_of::<SmolStr>());
        assert_eq!(size_of::<ArrayString<USUAL>>(), 2 * 64 - 8);
    }

    #[cfg(not(any(loom, shuttle)))]
    #[test]
    fn p9_the_memory_of_a_usual_text_is_used_again_and_nothing_of_it_is_read() {
        // A thread of its own has nothing in its magazine.
        let at = |text: &Text| text.as_ptr().addr();
        std::thread::spawn(move || {
            let first = Text::of("the first of them, and longer than the second");
            let place = at(&first);
            first.leave();
            // An allocator would hand it out to whoever is next.
            let next = [0_u8; 4].map(|byte| Box::new([byte; size_of::<ArrayString<USUAL>>()]));
            assert!(next.iter().all(|next| next.as_ptr().addr() != place));
            let second = Text::of("the second, in the same place");
            assert_eq!((at(&second), &*second), (place, "the second, in the same place"));
            let third = second.clone();
            assert!(at(&third) != place && third == second, "a clone has its own");
        })
        .join()
        .expect("no panic");
    }
}
