//! `laneq check`: settings, validated or printed.

use std::process::ExitCode;

use laneq::Engine;

use super::args::CheckArgs;
use super::exit::USAGE;
use super::openclaw;
use super::setup::read_config;

/// Every setting with its unit, range and default: a file to start from.
const DEFAULTS: &str = include_str!("defaults.toml");

pub fn run(args: &CheckArgs) -> ExitCode {
    if args.print_defaults {
        print!("{DEFAULTS}");
    }
    let mut code = ExitCode::SUCCESS;
    match args.from_openclaw.as_deref().map(openclaw::convert) {
        None => {}
        Some(Ok(page)) => print!("{page}"),
        Some(Err(error)) => {
            eprintln!("laneq: {error}");
            code = ExitCode::from(USAGE);
        }
    }
    for path in &args.files {
        let checked = read_config(path).and_then(|config| {
            let schedules = Engine::builder(config).check();
            schedules.map_err(|error| format!("{}: {error}", path.display()))
        });
        match checked {
            Ok(()) => println!("{}: ok", path.display()),
            Err(error) => {
                eprintln!("laneq: {error}");
                code = ExitCode::from(USAGE);
            }
        }
    }
    code
}

#[cfg(test)]
mod tests {
    use laneq::Config;

    use super::DEFAULTS;

    #[test]
    fn what_is_printed_reads_back_as_the_defaults() {
        assert_eq!(Config::from_toml(DEFAULTS, "defaults"), Ok(Config::default()));
    }

    #[test]
    fn what_is_commented_out_reads_as_well() {
        let all: String = DEFAULTS
            .lines()
            .map(|line| line.strip_prefix("# ").filter(|l| l.contains(" = ") || l.starts_with('[')))
            .zip(DEFAULTS.lines())
            .map(|(bare, line)| bare.unwrap_or(line).to_owned() + "\n")
            .collect();
        let config = Config::from_toml(&all, "all").expect("every commented setting is valid");
        assert!(config.lanes.contains_key("research") && config.lanes.contains_key("support"));
        assert_eq!((config.agents.len(), config.cron.len()), (1, 1));
        assert!(config.queue.channels.contains_key("discord"));
        assert!(config.inbound.channels.contains_key("whatsapp"));
        assert!(config.session.identity_links.contains_key("alice"));
        assert!(config.journal.path.is_some() && config.transcripts.dir.is_some());
    }
}
