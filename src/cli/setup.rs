//! From arguments and settings to a running engine with its agent.

use std::fs::{self, File};
use std::io::{self, IsTerminal};
use std::os::unix::fs::FileTypeExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use laneq::{Config, Engine, HandlerOptions, Observer};

use super::agent::{Agent, StderrTo};
use super::app::{App, Feed};
use super::args::{Protocol, RunArgs, WhenFull};
use super::books::{Books, Bounds};
use super::console::Console;
use super::demo;
use super::exit::Troubles;
use super::reaper::Reaper;
use super::writer::Writer;

/// A mistake of the person who started the program; nothing has run.
pub type Usage = String;

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

/// The agent's command, checked as far as that is possible before a run.
pub fn agent(args: &RunArgs, config: &Config) -> Result<Option<Agent>, Usage> {
    let Some(command) = &args.agent else { return Ok(None) };
    let words = shlex::split(command)
        .ok_or_else(|| format!("--agent {command:?}: a quotation mark is not closed"))?;
    if words.is_empty() {
        return Err("--agent: the command is empty".to_owned());
    }
    let stderr = StderrTo::named(&args.agent_stderr)
        .map_err(|error| format!("--agent-stderr {}: {error}", args.agent_stderr))?;
    Ok(Some(Agent {
        words,
        protocol: args.agent_protocol,
        stderr,
        environment: args.agent_env.clone(),
        grace: config.engine.stop_grace,
    }))
}

/// Everything that can be wrong before anything runs has been looked at: starts the engine.
pub fn start(
    args: &RunArgs,
    config: Config,
    agent: Option<Agent>,
    input: &Input,
) -> Result<Arc<App>, Usage> {
    let reaper = match &agent {
        None => Reaper::default(),
        Some(_) => Reaper::start().map_err(|error| format!("the helper process: {error}"))?,
    };
    let bounds = Bounds {
        cap: config.queue.cap,
        pending: config.limits.max_pending,
        bytes: config.limits.max_bytes,
    };
    let line_bytes = config.limits.message_bytes.saturating_mul(8).saturating_add(1 << 16);
    let (drain, grace) = (config.engine.drain, config.engine.stop_grace);
    let engine = Engine::new(config).map_err(|error| error.to_string())?;
    let feed = Arc::new(Feed {
        writer: Writer::new(),
        books: Books::new(),
        troubles: Troubles::default(),
        console: Console::default(),
        show_text: args.show_text,
    });
    let observer: Arc<dyn Observer> = Arc::clone(&feed) as Arc<_>;
    let app = Arc::new(App {
        engine,
        feed,
        bounds: input.waits.then_some(bounds),
        line_bytes,
        drain,
        replay: args.replay,
        grace,
        reaper,
    });
    app.engine.observe(observer).map_err(|error| error.to_string())?;
    set_handler(&app, agent).map_err(|error| error.to_string())?;
    Ok(app)
}

fn set_handler(app: &Arc<App>, agent: Option<Agent>) -> Result<(), laneq::Error> {
    let shared = Arc::clone(app);
    match agent {
        None => app.engine.on_run_any(HandlerOptions::default(), move |run| {
            let result = demo::handle(run);
            shared.wait_room();
            result
        }),
        Some(agent) => {
            let options = match agent.protocol {
                Protocol::Plain => HandlerOptions::unsteerable(),
                Protocol::Jsonl => HandlerOptions::default(),
            };
            app.engine.on_run_any(options, move |run| agent.handle(&shared, run))
        }
    }
}
