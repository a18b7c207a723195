//! The laneq file that is written: tables in the order of the documentation, notes at its head.

use std::fmt::Write;

/// One table of the file, with its lines.
#[derive(Debug)]
struct Table {
    header: String,
    lines: Vec<String>,
}

/// The file as far as it is written.
#[derive(Debug, Default)]
pub struct Page {
    notes: Vec<(&'static str, Vec<String>)>,
    tables: Vec<Table>,
}

impl Page {
    /// Begins a table; without a line it is not written.
    pub fn table(&mut self, header: impl Into<String>) {
        self.tables.push(Table { header: header.into(), lines: Vec::new() });
    }

    /// A line of the table, if there is a value.
    pub fn line(&mut self, key: &str, value: Option<impl Into<String>>) {
        let Some(value) = value else { return };
        let line = format!("{} = {}", bare(key), value.into());
        self.tables.last_mut().expect("a table has begun").lines.push(line);
    }

    /// The tables of another page, after those of this one.
    pub fn append(&mut self, mut other: Self) {
        self.tables.append(&mut other.tables);
    }

    /// A paragraph of the head; without items it is not written.
    pub fn note(&mut self, title: &'static str, items: Vec<String>) {
        self.notes.push((title, items));
    }

    /// The whole file.
    pub fn text(&self, name: &str) -> String {
        let mut text = format!("# Settings of laneq, made from {name:?} of OpenClaw.\n");
        for (title, items) in self.notes.iter().filter(|(_, items)| !items.is_empty()) {
            let _ = writeln!(text, "#\n# {title}");
            items.iter().for_each(|item| {
                let _ = writeln!(text, "#   {item}");
            });
        }
        for table in self.tables.iter().filter(|table| !table.lines.is_empty()) {
            let _ = writeln!(text, "\n{}\n{}", table.header, table.lines.join("\n"));
        }
        text
    }
}

/// A name as TOML writes it.
pub fn bare(name: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if !name.is_empty() && name.chars().all(plain) { name.to_owned() } else { quoted(name) }
}

/// A text as TOML writes it.
pub fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c.is_control() => {
                let _ = write!(quoted, "\\u{:04X}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

/// Milliseconds as TOML writes them.
pub fn lasting(ms: u64) -> String {
    if ms > 0 && ms.is_multiple_of(1000) {
        format!("\"{}s\"", ms / 1000)
    } else {
        format!("\"{ms}ms\"")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_texts_are_quoted_where_toml_asks_for_it() {
        assert_eq!((bare("irc-1"), bare("a.b")), ("irc-1".to_owned(), "\"a.b\"".to_owned()));
        assert_eq!(quoted("a\"\\\n\u{7f}"), "\"a\\\"\\\\\\u000A\\u007F\"");
        assert_eq!((lasting(0), lasting(2000)), ("\"0ms\"".to_owned(), "\"2s\"".to_owned()));
    }

    #[test]
    fn empty_tables_and_notes_are_left_out() {
        let mut page = Page::default();
        page.table("[a]");
        page.table("[b]");
        page.line("c", Some("1"));
        page.line("d", None::<String>);
        page.note("Nothing:", Vec::new());
        assert_eq!(
            page.text("f"),
            "# Settings of laneq, made from \"f\" of OpenClaw.\n\n[b]\nc = 1\n"
        );
    }
}
