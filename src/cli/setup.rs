//! From arguments and settings to a running engine with its agent.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, IsTerminal};
use std::os::unix::fs::FileTypeExt;
use std::path::Path;
use std::sync::{Arc, RwLock};
use std::time::Duration;

use laneq::{Config, Engine, Error, Observer};

use super::agent::{Agent, Fleet, StderrTo, folded};
use super::app::{App, Feed, InUse};
use super::args::{Protocol, RunArgs, WhenFull};
use super::books::Books;
use super::console::Console;
use super::exit::{JOURNAL, Troubles, USAGE};
use super::reaper::Reaper;
use super::writer::Writer;

/// A mistake of the person who started the program; nothing has run.
pub type Usage = String;

/// Why the program did not start, and its exit code.
pub struct NotStarted {
    pub text: String,
    pub code: u8,
}

impl From<Usage> for NotStarted {
    fn from(text: Usage) -> Self {
        Self { text, code: USAGE }
    }
}

impl From<Error> for NotStarted {
    fn from(error: Error) -> Self {
        let code = if matches!(error, Error::Journal(_)) { JOURNAL } else { USAGE };
        Self { text: error.to_string(), code }
    }
}

/// Reads the settings; those of the command line win.
pub fn config(args: &RunArgs) -> Result<Config, Usage> {
    let mut config = match &args.config {
        None => Config::default(),
        Some(path) => read_config(path)?,
    };
    if let Some(ms) = args.deadline_ms {
        let deadline = Some(Duration::from_millis(ms));
        config.lanes.values_mut().for_each(|lane| lane.deadline = deadline);
    }
    if let Some(dir) = &args.transcripts {
        config.transcripts.dir = Some(dir.clone());
    }
    if let Some(path) = &args.journal {
        config.journal.path = Some(path.clone());
    }
    let engine = &mut config.engine;
    engine.stop_grace = args.stop_grace_ms.map_or(engine.stop_grace, Duration::from_millis);
    engine.drain = args.drain_ms.map_or(engine.drain, Duration::from_millis);
    config.resolve().map_err(|error| error.to_string())?;
    Ok(config)
}

/// Reads one file of settings: JSON if its name says so, else TOML.
pub fn read_config(path: &Path) -> Result<Config, Usage> {
    let name = path.display().to_string();
    let text = fs::read_to_string(path).map_err(|error| format!("{name}: {error}"))?;
    let json = path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("json"));
    let config =
        if json { Config::from_json(&text, &name) } else { Config::from_toml(&text, &name) };
    config.map_err(|error| error.to_string())
}

/// Where messages come from, and whether they can wait.
pub struct Input {
    pub from: Box<dyn io::Read + Send>,
    waits: bool,
}

/// Opens the input: files and redirected input wait for room, pipes and terminals do not.
pub fn input(args: &RunArgs) -> Result<Input, Usage> {
    let (file, name) = if args.input.as_os_str() == "-" {
        use std::os::fd::AsFd;
        let stdin = io::stdin().as_fd().try_clone_to_owned();
        (stdin.map(File::from), "standard input".to_owned())
    } else {
        (File::open(&args.input), args.input.display().to_string())
    };
    let file = file.map_err(|error| format!("{name}: {error}"))?;
    let kind = file.metadata().map_err(|error| format!("{name}: {error}"))?.file_type();
    if kind.is_dir() {
        return Err(format!("{name}: a folder, not a file"));
    }
    let stream = kind.is_fifo() || kind.is_socket() || file.is_terminal();
    let waits = args.when_full.map_or(!stream, |when| when == WhenFull::Wait);
    Ok(Input { from: Box::new(file), waits })
}

/// The agents, checked as far as that is possible before a run.
pub fn fleet(args: &RunArgs, config: &Config) -> Result<Fleet, Usage> {
    let general = match &args.agent {
        None => None,
        Some(command) => {
            let general = agent("--agent", command, args.agent_protocol, args, config)?;
            Some(Arc::new(Agent { first: first(args, config)?, ..general }))
        }
    };
    let mut fleet = Fleet { general, named: HashMap::new(), lanes: HashMap::new() };
    for (at, entry) in config.agents.iter().enumerate() {
        let protocol = match (entry.protocol.as_deref(), &entry.command) {
            (Some("jsonl"), _) => Protocol::Jsonl,
            // Without a command of its own it speaks like the general one.
            (None, None) => args.agent_protocol,
            _ => Protocol::Plain,
        };
        if let Some(command) = &entry.command {
            let name = format!("agents[{at}].command");
            let agent = Arc::new(agent(&name, command, protocol, args, config)?);
            fleet.named.insert(folded(&entry.id), agent);
        }
        let lane = match entry.lane.as_deref().unwrap_or("main") {
            "global" => "main",
            "sub-agent" => "subagent",
            lane => lane,
        };
        let lane = lane.to_owned();
        fleet.lanes.entry(lane).or_default().push(protocol);
    }
    // Whoever names no agent of the list comes to `main` too.
    if let (Some(protocols), Some(general)) = (fleet.lanes.get_mut("main"), &fleet.general) {
        protocols.push(general.protocol);
    }
    Ok(fleet)
}

/// The words of the command for new sessions.
fn first(args: &RunArgs, config: &Config) -> Result<Option<Vec<String>>, Usage> {
    let Some(command) = &args.agent_first else { return Ok(None) };
    if config.transcripts.dir.is_none() {
        let need = "only transcripts tell which sessions are new: add --transcripts DIR";
        return Err(format!("--agent-first {command:?}: {need}"));
    }
    words("--agent-first", command).map(Some)
}

fn words(name: &str, command: &str) -> Result<Vec<String>, Usage> {
    let words = shlex::split(command)
        .ok_or_else(|| format!("{name} {command:?}: a quotation mark is not closed"))?;
    if words.is_empty() {
        return Err(format!("{name}: the command is empty"));
    }
    Ok(words)
}

fn agent(
    name: &str,
    command: &str,
    protocol: Protocol,
    args: &RunArgs,
    config: &Config,
) -> Result<Agent, Usage> {
    let words = words(name, command)?;
    let stderr = StderrTo::named(&args.agent_stderr)
        .map_err(|error| format!("--agent-stderr {}: {error}", args.agent_stderr))?;
    Ok(Agent {
        words,
        first: None,
        protocol,
        stderr,
        environment: args.agent_env.clone(),
        grace: config.engine.stop_grace,
        folders: args.session_dir.clone(),
    })
}

/// Everything that can be wrong before anything runs has been looked at: starts the engine.
pub fn start(
    args: &RunArgs,
    config: Config,
    fleet: Fleet,
    input: &Input,
) -> Result<Arc<App>, NotStarted> {
    let reaper = Reaper::default();
    if fleet.has_processes() {
        reaper.start().map_err(|error| format!("the helper process: {error}"))?;
    }
    let settings = Arc::new(InUse::new(fleet, &config));
    let engine = Engine::new(config.clone())?;
    let feed = Arc::new(Feed {
        writer: Writer::new(),
        books: Books::new(),
        troubles: Troubles::default(),
        console: Console::default(),
        show_text: args.show_text,
        journaled: config.journal.path.is_some(),
    });
    let observer: Arc<dyn Observer> = Arc::clone(&feed) as Arc<_>;
    let app = Arc::new(App {
        engine,
        feed,
        waits: input.waits,
        settings: RwLock::new(settings),
        args: args.clone(),
        reaper,
    });
    app.engine.observe(observer)?;
    Fleet::enlist(&app, &config)?;
    Ok(app)
}
