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
pub(crate) struct Overflow(Vec<Summary>);

impl Overflow {
    /// Keeps a line about `cell`; the oldest line of any summary goes if there are `cap` already.
    pub(crate) fn keep(&mut self, cell: &Arc<Cell>, cap: u32) {
        let built_in = || one_line(cell.message.sender(), &cell.message.text);
        let line = cell.summary.clone().unwrap_or_else(built_in);
        let total: usize = self.0.iter().map(|s| s.lines.len()).sum();
        if total >= cap as usize
            && let Some(longest) = self.0.iter_mut().max_by_key(|s| s.lines.len())
        {
            longest.lines.pop_front();
        }
        match self.0.iter_mut().find(|s| s.like.same_origin(cell)) {
            Some(summary) => {
                summary.lines.push_back(line);
                summary.count += 1;
            }
            None => self.0.push(Summary {
                like: Arc::clone(cell),
                lines: VecDeque::from([line]),
                count: 1,
            }),
        }
    }

    /// The lines for a batch with this message in it.
    pub(crate) fn take_for(&mut self, cell: &Cell) -> Option<Lines> {
        let at = self.0.iter().position(|s| s.like.same_origin(cell))?;
        let summary = self.0.swap_remove(at);
        Some(Lines { lines: summary.lines.into(), count: summary.count })
    }

    /// Lets everything go; answers how many messages the lines were about.
    pub(crate) fn discard(&mut self) -> u32 {
        std::mem::take(&mut self.0).iter().map(|s| s.count).sum()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
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
}
