//! Figures of instructions, where they are kept, and how they are judged.

use std::collections::BTreeMap;
use std::fmt::{self, Display, Write as _};
use std::process::Command;

use super::{COMMAND, Failure};

/// More than this share above fails; as much below is worth keeping.
const TOLERANCE: f64 = 0.03;

/// What else decides how many instructions it takes: figures of another one are not comparable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Maker {
    compiler: String,
    libc: String,
}

impl Maker {
    pub fn here() -> Result<Self, Failure> {
        let compiler = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
        let said = |command: &mut Command| -> Result<String, Failure> {
            let output = command.output()?;
            Ok(String::from_utf8(output.stdout)?.trim().to_owned())
        };
        let compiler = said(Command::new(compiler).arg("--version"))?;
        // The allocator is the C library's.
        let libc = said(Command::new("getconf").arg("GNU_LIBC_VERSION")).unwrap_or_default();
        let machine = format!("{libc} {}", std::env::consts::ARCH);
        Ok(Self { compiler, libc: machine.trim().to_owned() })
    }
}

impl Display for Maker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} and {}", self.compiler, self.libc)
    }
}

/// Instructions an operation, by row.
#[derive(Debug)]
pub struct Figures {
    pub maker: Maker,
    rows: BTreeMap<String, f64>,
}

impl Figures {
    pub fn new(maker: Maker) -> Self {
        Self { maker, rows: BTreeMap::new() }
    }

    pub fn set(&mut self, row: &str, instructions: f64) {
        self.rows.insert(row.to_owned(), instructions);
    }

    pub fn get(&self, row: &str) -> Option<f64> {
        self.rows.get(row).copied()
    }

    pub fn text(&self) -> String {
        let mut text = format!("# Instructions of one operation. Written by\n#   {COMMAND}\n");
        let Maker { compiler, libc } = &self.maker;
        let _ = write!(text, "compiler\t{compiler}\nlibc\t{libc}\n");
        for (row, instructions) in &self.rows {
            let _ = writeln!(text, "{row}\t{instructions:.1}");
        }
        text
    }

    pub fn read(text: &str) -> Result<Self, Failure> {
        let fields = |line: &str| line.split_once('\t').map(|(a, b)| (a.to_owned(), b.to_owned()));
        let lines = text.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
        let mut all: BTreeMap<String, String> = lines
            .map(|line| fields(line).ok_or_else(|| format!("{line:?} is no name, tab, figure")))
            .collect::<Result<_, _>>()?;
        let mut named = |name: &str| all.remove(name).ok_or_else(|| format!("no line {name}"));
        let maker = Maker { compiler: named("compiler")?, libc: named("libc")? };
        let number = |(row, text): (String, String)| match text.parse() {
            Ok(number) => Ok((row, number)),
            Err(error) => Err(format!("{row} {text:?}: {error}")),
        };
        Ok(Self { maker, rows: all.into_iter().map(number).collect::<Result<_, _>>()? })
    }
}

/// How a figure stands to the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judged {
    Same,
    Better,
    Worse,
    /// There is none before.
    New,
}

impl Judged {
    pub fn fails(self) -> bool {
        matches!(self, Self::Worse | Self::New)
    }

    pub fn words(self) -> &'static str {
        match self {
            Self::Same => "",
            Self::Better => "better: write it down, so that it stays",
            Self::Worse => "WORSE",
            Self::New => "NEW: write it down",
        }
    }
}

pub fn judge(was: Option<f64>, is: f64) -> Judged {
    match was {
        None => Judged::New,
        Some(was) if is > was * (1.0 + TOLERANCE) => Judged::Worse,
        Some(was) if is < was * (1.0 - TOLERANCE) => Judged::Better,
        Some(_) => Judged::Same,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_than_three_in_a_hundred_above_fails() {
        assert_eq!(judge(Some(1000.0), 1030.0), Judged::Same);
        assert!(judge(Some(1000.0), 1031.0).fails());
        assert_eq!(judge(Some(1000.0), 969.0), Judged::Better);
        assert!(!judge(Some(1000.0), 969.0).fails());
        assert!(judge(None, 1.0).fails(), "a row without a figure is not checked, and says so");
    }

    fn some() -> Figures {
        let maker = Maker { compiler: "rustc 1".to_owned(), libc: "glibc 2".to_owned() };
        let mut figures = Figures::new(maker);
        for row in crate::rows::ROWS {
            figures.set(row, 512.25);
        }
        figures
    }

    #[test]
    fn what_is_written_is_read_again() {
        let read = Figures::read(&some().text()).expect("it was written by us");
        assert_eq!(read.maker, some().maker);
        assert_eq!(read.get("handle"), Some(512.2));
        assert_eq!(read.get("another"), None);
        assert!(Figures::read("compiler\tx\n").is_err());
        assert!(Figures::read("compiler\tx\nlibc\ty\nhandle\tmany\n").is_err());
    }

    #[test]
    fn only_the_same_compiler_and_libc_are_strict() {
        assert!(crate::hold(&some(), &some()));
        let mut worse = some();
        worse.set("handle", 1000.0);
        assert!(!crate::hold(&some(), &worse));
        worse.maker.compiler = "rustc 2".to_owned();
        assert!(crate::hold(&some(), &worse), "it is only reported");
    }
}
