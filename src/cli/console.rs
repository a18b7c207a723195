//! Standard error: diagnostics, and the one status line when it is a terminal.

use std::fmt::Display;
use std::io::{self, Write};
use std::sync::OnceLock;

use indicatif::ProgressBar;

/// Everything that goes to standard error goes through here, so that no line tears the status.
#[derive(Debug, Default)]
pub struct Console {
    bar: OnceLock<ProgressBar>,
}

impl Console {
    /// From now on this bar is the last line.
    pub fn show(&self, bar: ProgressBar) -> &ProgressBar {
        self.bar.get_or_init(|| bar)
    }

    /// Takes the status line away for as long as `print` prints.
    pub fn around<T>(&self, print: impl FnOnce() -> T) -> T {
        match self.bar.get() {
            Some(bar) if !bar.is_finished() => bar.suspend(print),
            _ => print(),
        }
    }

    /// One line, with the program's name in front.
    pub fn warn(&self, text: impl Display) {
        self.print(&format!("laneq: {text}\n"));
    }

    /// Text that ends its own lines. A closed standard error is no reason to stop.
    pub fn print(&self, text: &str) {
        self.around(|| {
            let _ = io::stderr().lock().write_all(text.as_bytes());
        });
    }
}

/// A key (or any foreign text) that cannot move the cursor or begin a line.
pub fn escaped(text: &str) -> String {
    text.escape_debug().to_string()
}

#[cfg(test)]
mod tests {
    use super::escaped;

    #[test]
    fn an_escaped_key_is_one_line_without_control_characters() {
        assert_eq!(escaped("a\n\u{1b}[2Jb"), "a\\n\\u{1b}[2Jb");
    }
}
