//! Who is measured, and in which rows.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use super::{Args, Failure};

/// Ours, as cargo built it for this bench.
pub const PROGRAM: &str = env!("CARGO_BIN_EXE_laneq");
pub const OURS: &str = "laneq";

/// The rows of the table, in its order: first what the machine allows.
pub const ROWS: [&str; 19] = [
    "limits",
    "W1",
    "W1k",
    "W1t",
    "W1m",
    "W1m41",
    "W2",
    "W3",
    "W4",
    "W5",
    "W6",
    "W6s",
    "W7-1000",
    "W7-100000",
    "W7-1000000",
    "W8",
    "steer",
    "cancel",
    "threads",
];

/// What the peers of `benches/peers` know.
const PEERS: [(&str, &[&str]); 5] = [
    ("tokio-mpsc", &["W1", "W1k", "W2", "W3", "W5"]),
    ("tokio-mutex", &["W1", "W1k", "W2", "W3", "W5"]),
    ("rayon-mutex", &["W1", "W1k", "W2", "W3", "W5"]),
    ("std-mpsc", &["W1", "W1k", "W2", "W3", "W5"]),
    ("ractor", &["W1", "W1k", "W2", "W5"]),
];

/// What those that are given on the command line are asked: what they do not know, they may refuse.
const GIVEN: [&str; 10] =
    ["W1", "W1k", "W2", "W3", "W4", "W5", "W6", "W7-1000", "W7-100000", "W7-1000000"];

/// A program that prints figures, and its rows.
#[derive(Clone, Debug)]
pub struct Peer {
    pub name: String,
    pub command: Vec<String>,
    rows: Vec<String>,
    /// Given by the user: a row that it does not know is no failure.
    pub may_refuse: bool,
}

impl FromStr for Peer {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wanted = "NAME=COMMAND, such as go-chan=./gobench";
        let (name, command) = text.split_once('=').ok_or(wanted)?;
        let command = shlex::split(command).filter(|words| !words.is_empty()).ok_or(wanted)?;
        let rows = GIVEN.map(str::to_owned).to_vec();
        Ok(Self { name: name.to_owned(), command, rows, may_refuse: true })
    }
}

/// The cells of a round, in order.
pub struct Plan {
    peers: Vec<Peer>,
    rows: Vec<String>,
    only: regex::Regex,
    missing: bool,
}

fn manifest() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/peers/Cargo.toml")
}

fn built() -> PathBuf {
    manifest().with_file_name("target/release/laneq-peers")
}

impl Plan {
    pub fn new(args: &Args) -> Result<Self, Failure> {
        let rows: Vec<String> =
            ROWS.into_iter().map(str::to_owned).chain(args.also.clone()).collect();
        let command = [PROGRAM, "bench", "--tsv", "--scale", &args.scale().to_string()];
        let ours = Peer {
            name: OURS.to_owned(),
            command: command.map(str::to_owned).to_vec(),
            rows: rows.clone(),
            may_refuse: false,
        };
        let missing = !built().exists();
        let theirs = PEERS.into_iter().filter(|_| !missing).map(|(name, rows)| Peer {
            name: name.to_owned(),
            command: vec![built().to_string_lossy().into_owned(), name.to_owned()],
            rows: rows.iter().map(|row| (*row).to_owned()).collect(),
            may_refuse: false,
        });
        let peers = [ours].into_iter().chain(theirs).chain(args.peer.clone()).collect();
        let plan = Self { peers, rows, only: args.only.clone(), missing };
        if plan.cells().next().is_none() {
            return Err(format!("--only {} matches nothing", args.only).into());
        }
        Ok(plan)
    }

    /// What is to be said about peers that are not there.
    pub fn missing(&self) -> Option<String> {
        let command = format!("cargo build --release --manifest-path {}", manifest().display());
        self.missing.then(|| format!("no Rust peers; to have them: {command}"))
    }

    /// Row by row, whoever knows it: what is compared is measured side by side.
    pub fn cells(&self) -> impl Iterator<Item = (&Peer, &str)> {
        self.rows.iter().flat_map(move |row| {
            let knows = |peer: &&Peer| peer.rows.contains(row);
            let wanted = move |peer: &&Peer| self.only.is_match(&format!("{} {row}", peer.name));
            self.peers.iter().filter(knows).filter(wanted).map(move |peer| (peer, row.as_str()))
        })
    }
}
