//! The command line, with the help texts.

use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};

use super::inspect::InspectArgs;

/// A lane queue for AI agents: in order within a session, in parallel across sessions.
///
/// Messages go in as JSON lines, replies and events come out as JSON lines, and an agent command
/// of your choice does the work. `laneq run --help` has examples.
#[derive(Debug, Parser)]
#[command(name = "laneq", version, arg_required_else_help = true, max_term_width = 100)]
pub struct Args {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run messages from a file or from standard input through an agent
    Run(Box<RunArgs>),
    /// Measure throughput, latency and memory of the engine on this machine
    Bench(BenchArgs),
    /// Validate configuration files, or print every setting with its default
    Check(CheckArgs),
    /// Look at the messages in a journal, requeue or drop them
    #[command(subcommand_required = true, arg_required_else_help = true)]
    Inspect(InspectArgs),
    /// Ends the agents of a program that died (internal)
    #[command(name = "__reaper", hide = true)]
    Reaper,
}

const RUN_EXAMPLES: &str = r#"Examples:
  The built-in demo agent, to see lanes, bursts and steers at work:
    printf '%s\n' '{"key":"ann","text":"hello"}' '{"key":"bob","text":"hi"}' | laneq run

  A command that reads the text and writes the reply:
    laneq run --agent 'sed s/^/you-said:/' --input messages.jsonl

  An agent that can be steered, with live control through a named pipe:
    mkfifo ctl; laneq run --agent './agent --id {session}' --agent-protocol jsonl --control ctl

  An agent with sessions of its own, begun once and gone on with afterwards:
    laneq run --transcripts ./transcripts --agent 'my-agent --resume {session}' \
      --agent-first 'my-agent --session-id {session}'

  Messages that survive a crash, and a look at them:
    laneq run --journal laneq.redb --agent ./agent; laneq inspect list laneq.redb

Input, one JSON object a line: {"text":..., "key" or "source":..., "id", "meta", "sender",
"authority", "mode", "backlog", "lane", "priority", "payload", "media", "ttl_ms", "deadline_ms",
"attempts", "expect_run", "at_ms"}, or {"control":"interrupt|stop|withdraw|abandon|lane|pause|
resume|reload|stats|list|requeue|drain", "n":7, ...}. Without `key` it is made from the source,
{"channel","account","kind","peer","group","thread","agent","id"}, as `session` in the settings
says; a group's is `agent:main:<channel>:group:<id>`.

The program ends when its input has ended and everything is settled. The `[[cron]]` jobs of the
configuration fire until then: they do not keep it alive, but what they have begun is finished.

Exit code: 0 all good; 1 a run failed, or a message was refused, dropped, expired or parked;
2 usage or configuration; 3 an input line was invalid; 4 the drain deadline passed with work left;
5 the journal failed or cannot be opened; 6 the output was closed. The most serious of 5, 6, 4, 3,
1 wins."#;

/// How agents talk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Protocol {
    /// Merged text on standard input, reply on standard output; cannot be steered.
    Plain,
    /// JSON requests and answers, a line each; can be steered at its boundaries.
    Jsonl,
}

/// What to do with a message when its session is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum WhenFull {
    /// Read on once there is room; nothing is dropped.
    Wait,
    /// Submit it, and let `queue.drop` decide.
    Policy,
}

#[derive(Clone, Debug, clap::Args)]
#[command(after_help = RUN_EXAMPLES)]
pub struct RunArgs {
    /// Settings, TOML or (`.json`) JSON; `laneq check --print-defaults` shows all. Default: built-in settings
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,

    /// Agent command, one process a run; split as a shell would, but no shell is started.
    /// `{key}`, `{session}` (a UUID made from the key) and `{run}` in its arguments are replaced.
    /// Default: a built-in demo agent
    #[arg(long, value_name = "CMD")]
    pub agent: Option<String>,

    /// Agent command instead of `--agent` while LANEQ_NEW is 1: until a run of the session was
    /// done. For agents that begin a conversation in another way than they go on with it; needs
    /// `--transcripts`
    #[arg(long, value_name = "CMD", requires = "agent")]
    pub agent_first: Option<String>,

    /// How the agent talks
    #[arg(long, value_name = "NAME", default_value = "plain", requires = "agent")]
    pub agent_protocol: Protocol,

    /// Run each session's agents in a folder of its own in this one, made on first use
    #[arg(long, value_name = "DIR")]
    pub session_dir: Option<PathBuf>,

    /// Keep a transcript of each session in this folder: a file of JSON lines with messages,
    /// steers, tool results, replies and outcomes, found by key in `index.jsonl`. Agents get its
    /// path as LANEQ_TRANSCRIPT, and LANEQ_NEW. Overrides `transcripts.dir`
    #[arg(long, value_name = "DIR")]
    pub transcripts: Option<PathBuf>,

    /// Keep accepted messages in this journal until they have their fate, so that they survive the
    /// process: what was not finished comes back when the program starts again with the same file.
    /// Made if it is not there; one process at a time. `message.accepted` is written once a message
    /// is on the disk. Overrides `journal.path`
    #[arg(long, value_name = "FILE")]
    pub journal: Option<PathBuf>,

    /// Environment variables to hand on, besides PATH, HOME, LANG, TERM, TMPDIR, USER and SHELL
    #[arg(long, value_name = "NAME,...", value_delimiter = ',')]
    pub agent_env: Vec<String>,

    /// What becomes of the agent's standard error: `forward`, `drop`, or a file to append to
    #[arg(long, value_name = "forward|drop|FILE", default_value = "forward")]
    pub agent_stderr: String,

    /// Messages and controls, JSON lines; `-` is standard input
    #[arg(long, value_name = "FILE", default_value = "-")]
    pub input: PathBuf,

    /// Controls, JSON lines, obeyed even while the input waits for room; a named pipe is read
    /// again and again
    #[arg(long, value_name = "FILE|FIFO")]
    pub control: Option<PathBuf>,

    /// Keep the pace of the messages' `at_ms`: 1 is real time, 60 is an hour a minute, 0 as fast
    /// as possible
    #[arg(
        long,
        value_name = "SPEED",
        default_value_t = 0.0,
        value_parser = speed,
        allow_negative_numbers = true
    )]
    pub replay: f64,

    /// When a session is full: `wait` reads on once there is room, `policy` lets `queue.drop`
    /// decide. Default: wait for files, policy for pipes and terminals
    #[arg(long, value_name = "wait|policy")]
    pub when_full: Option<WhenFull>,

    /// Write the full event stream here; standard output keeps `reply`, `control.*` and
    /// `input.invalid`, with their numbers in the full stream
    #[arg(long, value_name = "FILE")]
    pub events: Option<PathBuf>,

    /// Put the merged text into `run.started`; texts are private otherwise
    #[arg(long)]
    pub show_text: bool,

    /// Stop a run after this many milliseconds. Default: that of its lane, none
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub deadline_ms: Option<u64>,

    /// Milliseconds from a stop to SIGTERM (jsonl) and from SIGTERM to SIGKILL. Default: 5000
    #[arg(long, value_name = "N")]
    pub stop_grace_ms: Option<u64>,

    /// Milliseconds that SIGINT and SIGTERM leave for admitted work. Default: 10000
    #[arg(long, value_name = "N")]
    pub drain_ms: Option<u64>,
}

fn speed(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(speed) if speed.is_finite() && speed >= 0.0 => Ok(speed),
        _ => Err("a number, 0 or more: 1 is real time, 0 as fast as possible".to_owned()),
    }
}

const BENCH_WORKLOADS: &str = "Workloads:
  W1       10,000 sessions x 100 no-op closures by session handle, 2 producers, 2 workers
  W1k      the same by key
  W1t      the same with a receipt for each
  W1m      the same as messages, mode followup, cap 1000
  W1m41    the same with texts of 41 bytes, as long as chat messages are
  W2       one hot session, 1,000,000 closures
  W3       1,000,000 sessions, one closure each; peak memory; once more: what grew
  W4       10 us of work each, 1,000 sessions x 50
  W5       idle wake-up: submit to start at 2,000/s, beside a bare channel's
  W6       submit to start in a second lane while the first is full of 5 ms sleepers
  W6s      the same in the first lane
  W7-N     N live sessions with a backlog of 1,000,000 in all; default N: 1000, 100000,
           1000000
  W8       bytes of a queued closure, of a queued message, of an idle session
  steer    submit of a steer to the boundary of a run that polls, beside a bare store and load
  cancel   one stop for 100,000 waiting messages, one cancel for 10,000 child tokens
  threads  2,000 runs blocked in a tool call each: memory, and the latency of another lane,
           beside a bare channel's
  limits   what this machine allows: clock, lock, queue, box, channel, LB, wake
  J        acknowledged messages, journal synced; Jos: not synced; Jback: what comes back
  keys     10,000,000 keys: memory before and after

Times are wall clock on this machine; close other programs first.";

#[derive(Debug, clap::Args)]
#[command(after_help = BENCH_WORKLOADS)]
pub struct BenchArgs {
    /// Only these workloads
    #[arg(long, value_name = "NAME,...", value_delimiter = ',')]
    pub workload: Vec<String>,

    /// The same as `--workload`, for harnesses that give it as the last argument
    #[arg(value_name = "WORKLOAD")]
    pub more: Vec<String>,

    /// Fraction of the full size, 0.001 to 1
    #[arg(long, value_name = "FRACTION", default_value_t = 1.0, value_parser = fraction)]
    pub scale: f64,

    /// One JSON object instead of the table
    #[arg(long, conflicts_with = "tsv")]
    pub json: bool,

    /// Lines `laneq<TAB>workload<TAB>metric<TAB>value` instead of the table
    #[arg(long)]
    pub tsv: bool,
}

fn fraction(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(scale) if (0.001..=1.0).contains(&scale) => Ok(scale),
        _ => Err("a fraction from 0.001 to 1".to_owned()),
    }
}

#[derive(Debug, clap::Args)]
pub struct CheckArgs {
    /// Configuration files to validate, TOML or (`.json`) JSON
    #[arg(
        value_name = "FILE",
        required_unless_present_any = ["print_defaults", "from_openclaw"]
    )]
    pub files: Vec<PathBuf>,

    /// Print every setting with its unit, range and default, as a file to start from
    #[arg(long)]
    pub print_defaults: bool,

    /// Print the settings of this `OpenClaw` file (JSON5, or YAML by its name) as a laneq file. Its
    /// comments name what has no counterpart and the defaults that differ
    #[arg(long, value_name = "FILE", conflicts_with_all = ["files", "print_defaults"])]
    pub from_openclaw: Option<PathBuf>,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Args::command().debug_assert();
    }

    #[test]
    fn a_speed_is_zero_or_more() {
        assert_eq!(speed("0"), Ok(0.0));
        assert!(speed("-1").is_err() && speed("NaN").is_err() && speed("fast").is_err());
    }

    #[test]
    fn an_agent_protocol_needs_an_agent() {
        assert!(Args::try_parse_from(["laneq", "run", "--agent-protocol", "jsonl"]).is_err());
        assert!(Args::try_parse_from(["laneq", "run", "--agent-first", "x"]).is_err());
        assert!(Args::try_parse_from(["laneq", "run"]).is_ok());
    }
}
