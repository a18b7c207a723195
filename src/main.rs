//! The `laneq` program. Everything it does goes through the public API of the library.

#![forbid(unsafe_code)]
#![allow(clippy::result_large_err, reason = "a refused message comes home, whole")]

mod cli;

fn main() -> std::process::ExitCode {
    cli::main()
}
