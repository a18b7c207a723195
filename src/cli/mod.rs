//! The program around the library: lines in, lines out, one agent process a run.
//!
//! One thread reads the input, one the control file, one writes all output; runs execute on the
//! engine's workers; the main thread decides when it is over. [`app::App`] is what they share.

mod agent;
mod app;
mod args;
mod bench;
mod books;
mod check;
mod console;
mod control;
mod demo;
mod exit;
mod fields;
mod flights;
mod inspect;
mod lines;
mod openclaw;
mod output;
mod reader;
mod reaper;
mod run;
mod setup;
mod status;
mod summary;
mod table;
mod writer;

use std::process::ExitCode;

use clap::Parser;

use self::args::{Args, Command};

/// Reads the command line and does what it says.
pub fn main() -> ExitCode {
    env_logger::init();
    match Args::parse().command {
        Command::Run(args) => run::run(&args),
        Command::Bench(args) => bench::run(&args),
        Command::Check(args) => check::run(&args),
        Command::Inspect(args) => inspect::run(&args),
        Command::Reaper => reaper::main(),
    }
}
