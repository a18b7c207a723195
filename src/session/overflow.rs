//! What is left of messages that were dropped for want of room: one line each, for the next batch
//! of their route and authority.

use std::collections::VecDeque;

use super::cell::Cell;
use crate::sync::Arc;

/// Characters of one line, the ellipsis included.
const LINE_CHARS: usize = 160;

/// Lines about the dropped messages of one route and authority.
pub(crate) struct Summary {
    /// Any of the dropped: its route and authority are those of all.
    like: Arc<Cell>,
    /// Oldest first; at most the session's cap.
    lines: VecDeque<Box<str>>,
    /// How many were dropped, also where lines were let go.
    count: u32,
}

/// What a batch takes along.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Lines {
    pub(crate) lines: Vec<Box<str>>,
    pub(crate) count: u32,
}

/// All summaries of a session. Bounded by its cap, in lines. P9.
#[derive(Default)]
pub(crate) struct Overflow {
    summaries: Vec<Summary>,
    /// Messages that gave way so far; tells whether a journal knows of all of them.
    dropped: u64,
}

/// A copy of the lines about messages like this one, for the journal.
pub(crate) type LinesLike = (Arc<Cell>, Lines);

impl Overflow {
    /// Keeps a line about `cell`; the oldest line of any summary goes if there are `cap` already.
    pub(crate) fn keep(&mut self, cell: &Arc<Cell>, cap: u32) {
        let built_in = || one_line(cell.message.sender(), &cell.message.text);
        let line = cell.line().map_or_else(built_in, Into::into);
        self.dropped += 1;
        let total: usize = self.summaries.iter().map(|s| s.lines.len()).sum();
        if total >= cap as usize
            && let Some(longest) = self.summaries.iter_mut().max_by_key(|s| s.lines.len())
        {
            longest.lines.pop_front();
        }
        match self.summaries.iter_mut().find(|s| s.like.same_origin(cell)) {
            Some(summary) => {
                summary.lines.push_back(line);
                summary.count += 1;
            }
            None => self.summaries.push(Summary {
                like: Arc::clone(cell),
                lines: VecDeque::from([line]),
                count: 1,
            }),
        }
    }

    /// The lines for a batch with this message in it.
    pub(crate) fn take_for(&mut self, cell: &Cell) -> Option<Lines> {
        let at = self.summaries.iter().position(|s| s.like.same_origin(cell))?;
        let summary = self.summaries.swap_remove(at);
        Some(Lines { lines: summary.lines.into(), count: summary.count })
    }

    /// Lets everything go; answers how many messages the lines were about.
    pub(crate) fn discard(&mut self) -> u32 {
        std::mem::take(&mut self.summaries).iter().map(|s| s.count).sum()
    }

    /// Lines that a journal has kept.
    #[cfg_attr(not(feature = "journal"), allow(dead_code, reason = "nothing comes back then"))]
    pub(crate) fn put_back(&mut self, like: &Arc<Cell>, lines: Lines) {
        let (like, count) = (Arc::clone(like), lines.count);
        self.summaries.push(Summary { like, lines: lines.lines.into(), count });
    }

    /// What waits for a batch, by route and authority.
    pub(crate) fn copies(&self) -> Vec<LinesLike> {
        let copy = |s: &Summary| {
            let lines = s.lines.iter().cloned().collect();
            (Arc::clone(&s.like), Lines { lines, count: s.count })
        };
        self.summaries.iter().map(copy).collect()
    }

    /// Messages that gave way so far, and those of them whose lines wait.
    pub(crate) fn counts(&self) -> (u64, u32) {
        (self.dropped, self.summaries.iter().map(|s| s.count).sum())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.summaries.is_empty()
    }
}

/// One line of at most 160 characters: white space folded, cut between characters.
pub(crate) fn one_line(sender: Option<&str>, text: &str) -> Box<str> {
    let words = sender.map(|s| format!("{s}:"));
    let mut line = String::new();
    let mut chars = 0;
    for word in words.as_deref().into_iter().chain(text.split_whitespace()) {
        let gap = usize::from(chars > 0);
        let room = LINE_CHARS.saturating_sub(chars + gap);
        let length = word.chars().take(LINE_CHARS + 1).count();
        if gap == 1 {
            line.push(' ');
        }
        if length <= room {
            line.push_str(word);
            chars += gap + length;
            continue;
        }
        // The word does not fit, or nothing could follow it: end with an ellipsis.
        line.extend(word.chars().take(room.saturating_sub(1)));
        line.push('\u{2026}');
        return shorten(line);
    }
    line.into()
}

fn shorten(line: String) -> Box<str> {
    if line.chars().count() <= LINE_CHARS {
        return line.into();
    }
    let mut cut: String = line.chars().take(LINE_CHARS - 1).collect();
    cut.push('\u{2026}');
    cut.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{LaneId, Message};

    fn cell(authority: &str, text: &str) -> Arc<Cell> {
        Arc::new(Cell::new(Message::new("k", text).with_authority(authority), 1, LaneId(0)))
    }

    fn taken(overflow: &mut Overflow, authority: &str) -> Option<(String, u32)> {
        let lines = overflow.take_for(&cell(authority, ""))?;
        Some((lines.lines.join(" "), lines.count))
    }

    #[test]
    fn p9_the_oldest_line_goes_beyond_the_cap_and_the_count_stays_true() {
        let mut overflow = Overflow::default();
        for text in ["a1", "a2", "a3"] {
            overflow.keep(&cell("a", text), 3);
        }
        overflow.keep(&cell("b", "b1"), 3);
        assert_eq!((overflow.counts(), overflow.is_empty()), ((4, 4), false));
        assert_eq!(taken(&mut overflow, "a"), Some(("a2 a3".into(), 3)));
        assert_eq!(taken(&mut overflow, "a"), None, "a batch took them");
        assert_eq!(taken(&mut overflow, "b"), Some(("b1".into(), 1)));
        assert_eq!((overflow.counts(), overflow.is_empty()), ((4, 0), true));
    }

    /// P11.
    #[test]
    fn p11_lines_that_come_back_are_those_that_went() {
        let mut overflow = Overflow::default();
        overflow.keep(&cell("a", "a1"), 1);
        overflow.keep(&cell("a", "a2"), 1);
        let mut back = Overflow::default();
        for (like, lines) in overflow.copies() {
            back.put_back(&like, lines);
        }
        assert_eq!(taken(&mut back, "a"), Some(("a2".into(), 2)));
        assert_eq!((overflow.discard(), overflow.is_empty()), (2, true));
    }

    #[test]
    fn a_long_text_with_newlines_becomes_one_valid_line_of_160_characters() {
        let text = format!("{}\n\u{1F600}{}", "word ".repeat(31), "tail ".repeat(40));
        let line = one_line(Some("ann"), &text);
        assert!(line.chars().count() <= 160, "{}", line.chars().count());
        assert!(line.ends_with('\u{2026}') && !line.contains('\n'), "{line}");
        let word = one_line(None, &"\u{1F600}".repeat(300));
        assert_eq!(word.chars().count(), 160);
    }

    #[test]
    fn a_short_text_is_kept_whole() {
        assert_eq!(&*one_line(Some("ann"), "two  words"), "ann: two words");
        assert_eq!(&*one_line(None, ""), "");
    }

    #[test]
    fn a_line_has_160_characters_at_most_wherever_its_words_end() {
        for (first, last) in (150..=162).flat_map(|first| (1..=9).map(move |last| (first, last))) {
            let text = format!("{} {}", "x".repeat(first), "y".repeat(last));
            let line = one_line(None, &text);
            if text.len() <= 160 {
                assert_eq!(*line, *text, "what fits is kept");
            } else {
                assert!(line.chars().count() <= 160 && line.ends_with('\u{2026}'), "{line}");
            }
        }
    }
}
