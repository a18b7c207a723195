//! `cargo bench --features cli`: every row of `laneq bench`, each in a process of its own, in rounds
//! that take turns with what a user would pick instead. README.md beside this folder says how.

mod machine;
mod peers;
mod picture;
mod report;
mod samples;
mod targets;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;
use regex::Regex;

use self::machine::Machine;
use self::peers::{Peer, Plan};
use self::samples::Samples;

/// What went wrong, in words.
type Failure = Box<dyn std::error::Error>;

#[derive(Debug, Parser)]
#[command(name = "cargo bench --features cli --", about, long_about = None)]
struct Args {
    /// Rounds; figures are medians of them
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=99))]
    rounds: u32,

    /// Only what matches, of names like "laneq W1" and "tokio-mpsc W1k"
    #[arg(long, value_name = "REGEX", default_value = ".")]
    only: Regex,

    /// One round at a twentieth of the size: whether it works, not how fast it is
    #[arg(long)]
    quick: bool,

    /// Rows of `laneq bench` besides those of the table, such as J,Jos,Jback,keys
    #[arg(long, value_name = "ROW,...", value_delimiter = ',')]
    also: Vec<String>,

    /// One more peer; its command takes a row's name as its last argument and prints lines
    /// "NAME<TAB>row<TAB>metric<TAB>value"
    #[arg(long, value_name = "NAME=COMMAND")]
    peer: Vec<Peer>,

    /// Given by cargo
    #[arg(long, hide = true)]
    bench: bool,
}

impl Args {
    fn scale(&self) -> f64 {
        if self.quick { 0.05 } else { 1.0 }
    }
}

fn main() -> ExitCode {
    match bench(&Args::parse()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("bench: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Beside the program that was built for this: `target/bench`.
fn folder() -> Result<PathBuf, Failure> {
    let program = Path::new(peers::PROGRAM);
    let target = program.ancestors().nth(2).ok_or("the program is in no target folder")?;
    let folder = target.join("bench");
    std::fs::create_dir_all(&folder)?;
    Ok(folder)
}

fn bench(args: &Args) -> Result<ExitCode, Failure> {
    let machine = Machine::look();
    println!("{}", machine.words());
    let plan = Plan::new(args)?;
    if let Some(line) = plan.missing() {
        println!("{line}");
    }
    let mut samples = Samples::default();
    let rounds = if args.quick { 1 } else { args.rounds };
    for round in 0..rounds {
        for (peer, row) in plan.cells() {
            eprintln!("round {} of {rounds}: {} {row}", round + 1, peer.name);
            if !args.quick {
                machine::touch_memory();
            }
            samples.take(round, peer, row, args.scale());
        }
    }
    let verdicts = targets::judge(&samples);
    print!("{}", report::table(&samples, &verdicts));
    let folder = folder()?;
    report::write_json(&folder.join("rows.json"), &machine, args.scale(), &samples, &verdicts)?;
    let pictures = picture::draw_all(&folder, &machine, args.scale(), &samples)?;
    println!("\n{}/rows.json and {pictures} pictures", folder.display());
    Ok(if samples.failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
