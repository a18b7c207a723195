//! The `laneq` program. Everything it does goes through the public API of the library.

#![forbid(unsafe_code)]

mod cli;

fn main() -> std::process::ExitCode {
    cli::main()
}
