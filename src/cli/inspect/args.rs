//! The arguments of `laneq inspect`, with their help.

use std::path::PathBuf;
use std::time::Duration;

use clap::Subcommand;

const ABOUT: &str = r#"A journal (`laneq run --journal FILE`) holds every accepted message until it has its fate:
  pending  it waits for its first run
  started  its run has begun, or will be tried again
  parked   its attempts are used up: it stays until you requeue or drop it

list, show and export only read: also beside the program that is running, and after a crash. requeue
and drop change the file and need it for themselves; for a running program use its controls, on its
input or --control: {"control":"requeue","id":...}, {"control":"withdraw","id":...}.

Examples:
  What is waiting, and what has waited for more than an hour:
    laneq inspect list laneq.redb
    laneq inspect list --pending --older-than 1h laneq.redb

  Try everything again that has failed, once its cause is gone:
    laneq inspect requeue laneq.redb --all-parked

  Move everything into another journal:
    laneq inspect export old.redb | laneq run --journal new.redb --agent ./agent

Exit code: 0 done; 1 no such message; 2 usage; 5 the journal cannot be read or changed; 6 the output
was closed."#;

#[derive(Debug, clap::Args)]
#[command(after_help = ABOUT)]
pub struct InspectArgs {
    #[command(subcommand)]
    pub action: Action,
}

#[derive(Debug, Subcommand)]
pub enum Action {
    /// A line for each message, sorted by key and order of acceptance, and the totals; never texts
    List {
        #[command(flatten)]
        which: Which,
        /// JSON lines instead of a table
        #[arg(long)]
        json: bool,
        /// The journal
        #[arg(value_name = "JOURNAL")]
        journal: PathBuf,
    },
    /// Everything about one message, with its text
    Show {
        /// The journal
        #[arg(value_name = "JOURNAL")]
        journal: PathBuf,
        /// Its id, as `list` shows it
        #[arg(value_name = "ID")]
        id: String,
        /// Only under this session key: an id may occur under several
        #[arg(long, value_name = "KEY")]
        key: Option<String>,
    },
    /// Write parked messages anew: they run when the program starts again, with all their attempts.
    /// Prints their ids
    Requeue(Order),
    /// Take messages out for good. Prints their ids
    Drop(Order),
    /// Messages as input lines of `laneq run`, in the order of acceptance. What is known of earlier
    /// runs, settings by `/queue` and lines about dropped messages are not among them; `ttl_ms`
    /// is what is left
    Export {
        #[command(flatten)]
        which: Which,
        /// The journal
        #[arg(value_name = "JOURNAL")]
        journal: PathBuf,
    },
}

/// Which messages.
#[derive(Debug, Default, clap::Args)]
pub struct Which {
    /// Only those of this session key
    #[arg(long, value_name = "KEY")]
    pub key: Option<String>,

    /// Only those that are parked
    #[arg(long)]
    pub parked: bool,

    /// Only those that wait or have started
    #[arg(long)]
    pub pending: bool,

    /// Only those that were accepted longer ago: `90s`, `1h`, `2d`
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub older_than: Option<Duration>,

    /// At most so many, the first that were accepted
    #[arg(long, value_name = "N")]
    pub limit: Option<u64>,
}

/// Which messages to change.
#[derive(Debug, clap::Args)]
pub struct Order {
    /// The journal; no program may be using it
    #[arg(value_name = "JOURNAL")]
    pub journal: PathBuf,

    /// Ids, as `list` shows them
    #[arg(
        value_name = "ID",
        required_unless_present = "all_parked",
        conflicts_with = "all_parked"
    )]
    pub ids: Vec<String>,

    /// Every parked message
    #[arg(long)]
    pub all_parked: bool,

    /// Only under this session key: an id may occur under several
    #[arg(long, value_name = "KEY")]
    pub key: Option<String>,
}

fn time(text: &str) -> Result<Duration, String> {
    let parsed = humantime::parse_duration(text);
    parsed.map_err(|_| "a number and its unit: \"90s\", \"1h\", \"2d\"".to_owned())
}
