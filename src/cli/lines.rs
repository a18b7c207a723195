//! Lines of bounded length from any reader: an endless line costs time, never memory.

use std::io::{self, BufRead};

/// What was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// A line, without its end; the last one may have none.
    Line,
    /// A line over the bound; it was skipped to its end.
    TooLong,
    /// There is no more.
    End,
}

/// Reads the next line of at most `bound` bytes into `line`.
pub fn next(from: &mut impl BufRead, line: &mut Vec<u8>, bound: usize) -> io::Result<Next> {
    line.clear();
    let mut length = 0_usize;
    loop {
        let chunk = match from.fill_buf() {
            Ok(chunk) => chunk,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        if chunk.is_empty() {
            return Ok(if length == 0 { Next::End } else { ended(line, length, bound) });
        }
        let end = chunk.iter().position(|byte| *byte == b'\n');
        let part = &chunk[..end.unwrap_or(chunk.len())];
        length += part.len();
        if length <= bound {
            line.extend_from_slice(part);
        }
        let used = part.len() + usize::from(end.is_some());
        from.consume(used);
        if end.is_some() {
            return Ok(ended(line, length, bound));
        }
    }
}

fn ended(line: &mut Vec<u8>, length: usize, bound: usize) -> Next {
    if length > bound {
        line.clear();
        return Next::TooLong;
    }
    if line.last() == Some(&b'\r') {
        line.pop();
    }
    Next::Line
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &str, bound: usize) -> Vec<(Next, String)> {
        let mut from = io::BufReader::with_capacity(3, text.as_bytes());
        let mut line = Vec::new();
        let mut seen = Vec::new();
        loop {
            let next = next(&mut from, &mut line, bound).expect("memory does not fail");
            if next == Next::End {
                return seen;
            }
            seen.push((next, String::from_utf8_lossy(&line).into_owned()));
        }
    }

    #[test]
    fn lines_end_with_or_without_a_line_feed() {
        let lines = all("one\r\n\ntwo", 10);
        let words: Vec<_> = lines.iter().map(|(_, line)| line.as_str()).collect();
        assert_eq!(words, ["one", "", "two"]);
    }

    #[test]
    fn p9_a_line_over_the_bound_is_skipped_and_the_next_one_read() {
        let lines = all("12345678901\nok\n123456789012", 10);
        let kinds: Vec<_> = lines.iter().map(|(next, _)| *next).collect();
        assert_eq!(kinds, [Next::TooLong, Next::Line, Next::TooLong]);
        assert_eq!(lines[1].1, "ok");
    }
}
