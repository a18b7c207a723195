//! `laneq run`, from start to end.

use std::fs::File;
use std::io::{self, BufReader};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use super::app::{App, MOMENT};
use super::args::RunArgs;
use super::books::{Ending, Over};
use super::exit::Trouble;
use super::output::Body;
use super::setup::{self, Input, NotStarted};
use super::writer::{Line, Outlets};
use super::{reader, status, summary};

pub fn run(args: &RunArgs) -> ExitCode {
    match set_up(args) {
        Ok((app, input, events)) => execute(&app, args, input, events),
        Err(error) => {
            eprintln!("laneq: {}", error.text);
            ExitCode::from(error.code)
        }
    }
}

fn set_up(args: &RunArgs) -> Result<(Arc<App>, Input, Option<File>), NotStarted> {
    let config = setup::config(args)?;
    let fleet = setup::fleet(args, &config)?;
    let input = setup::input(args)?;
    if let Some(path) = &args.control
        && !path.exists()
    {
        return Err(format!("--control {}: no such file or named pipe", path.display()).into());
    }
    let create = |path: &PathBuf| {
        File::create(path).map_err(|error| format!("--events {}: {error}", path.display()))
    };
    let events = args.events.as_ref().map(create).transpose()?;
    let app = setup::start(args, config, fleet, &input)?;
    Ok((app, input, events))
}

fn execute(app: &Arc<App>, args: &RunArgs, input: Input, events: Option<File>) -> ExitCode {
    let began = Instant::now();
    say_started(app);
    let started = start_output(app, events).and_then(|()| {
        // What was there before comes before what comes now.
        app.recover();
        start_input(app, args, input)
    });
    if let Err(error) = started {
        app.feed.console.warn(format_args!("a thread could not be started: {error}"));
        app.books().end(Ending::Close);
        app.feed.troubles.note(Trouble::Drain);
    }
    let status = status::show(app);
    end(app);
    status.finish();
    app.feed.console.print(&summary::text(app, began.elapsed()));
    app.feed.troubles.exit_code()
}

/// The first line, which the engine's own start event is too early for.
fn say_started(app: &App) {
    let time = humantime::format_rfc3339_millis(SystemTime::now()).to_string();
    let body = Body::new()
        .text("version", env!("CARGO_PKG_VERSION"))
        .number("pid", std::process::id().into())
        .text("time", &time);
    app.feed.writer.push(Line {
        name: "engine.started",
        at: Duration::ZERO,
        fields: body.fields(),
        record: 0,
    });
}

fn spawn(name: &str, app: &Arc<App>, body: impl FnOnce(&App) + Send + 'static) -> io::Result<()> {
    let app = Arc::clone(app);
    thread::Builder::new().name(name.to_owned()).spawn(move || body(&app)).map(drop)
}

/// The threads that write and that hear signals.
fn start_output(app: &Arc<App>, events: Option<File>) -> io::Result<()> {
    let mut signals = Signals::new([SIGHUP, SIGINT, SIGTERM])?;
    spawn("laneq-output", app, move |app| {
        let outlets = Outlets::new(events, &app.feed.console);
        if let Err(error) = app.feed.writer.work(outlets) {
            app.feed.console.warn(format_args!("the output cannot be written: {error}"));
            app.feed.troubles.note(Trouble::Output);
            app.hurry();
            app.books().end(Ending::Close);
        }
    })?;
    spawn("laneq-signals", app, move |app| {
        let mut ends = 0;
        for signal in signals.forever() {
            if signal == SIGHUP {
                // What came of it is an event, and a word on standard error if it failed.
                let _ = app.reload(None);
                continue;
            }
            ends += 1;
            if ends == 1 {
                app.drain(app.in_use().drain);
            } else {
                close_at_once(app);
            }
        }
    })
}

/// Threads that end with the process: each may be blocked in a read for ever.
fn start_input(app: &Arc<App>, args: &RunArgs, input: Input) -> io::Result<()> {
    if let Some(path) = args.control.clone() {
        spawn("laneq-control", app, move |app| read_controls(app, &path))?;
    }
    spawn("laneq-input", app, move |app| {
        reader::read_input(app, BufReader::with_capacity(1 << 16, input.from));
        app.books().end(Ending::InputEnded);
    })
}

/// A drain may be under way on the main thread: it ends when this has emptied the engine.
fn close_at_once(app: &App) {
    app.hurry();
    app.books().end(Ending::Close);
    // Listed as stuck or not: the main thread closes too, and reports.
    let _ = app.engine.close(MOMENT);
}

/// A named pipe ends whenever its last writer goes: it is opened again and again.
fn read_controls(app: &App, path: &Path) {
    use std::os::unix::fs::FileTypeExt;
    while app.books().is_controlled() {
        match File::open(path) {
            Ok(file) => {
                let again = file.metadata().is_ok_and(|meta| meta.file_type().is_fifo());
                reader::read_control(app, BufReader::new(file));
                if !again {
                    return;
                }
            }
            Err(error) => {
                app.feed.console.warn(format_args!("--control {}: {error}", path.display()));
                return;
            }
        }
    }
}

/// Blocks until it is over. Schedules do not keep the program alive: they end with the input's
/// messages, and what they have submitted by then is finished.
fn wait_over(app: &App) -> Over {
    let mut fates = 0;
    loop {
        let over = app.books().wait_over(fates, || app.engine.is_stranded());
        if over != Over::Complete {
            return over;
        }
        app.engine.end_schedules();
        // P4: each accepted message has one fate, so that equal counts mean that none is pending.
        let accepted = app.engine.stats().accepted;
        if fates == accepted {
            return over;
        }
        fates = accepted;
    }
}

/// Waits for the end, then ends the engine and the output.
fn end(app: &App) {
    let over = wait_over(app);
    match over {
        Over::Complete | Over::Close => {}
        Over::Stranded => {
            app.feed.console.warn("what paused lanes hold is returned");
            // Nothing runs: there is nothing to wait for.
            drain(app, Duration::ZERO);
        }
        Over::Drain(within) => {
            if !drain(app, within) {
                app.feed.troubles.note(Trouble::Drain);
            }
        }
    }
    let hurried = app.feed.writer.is_hurried();
    let within = if hurried { MOMENT } else { 3 * app.in_use().grace + MOMENT };
    if let Ok(laneq::Closed::Stuck(runs)) = app.engine.close(within) {
        for stuck in runs {
            let key = super::console::escaped(&stuck.key);
            app.feed.console.warn(format_args!("run {} of {key} did not end", stuck.run));
        }
        app.feed.troubles.note(Trouble::Drain);
    }
    // A drain that was cut short by a second signal has nothing left, but did not do its work.
    let cut = matches!(over, Over::Drain(_) | Over::Close);
    if cut && app.books().totals().fates[laneq::Fate::Returned as usize] > 0 {
        app.feed.troubles.note(Trouble::Drain);
    }
    let until = (over != Over::Complete).then(|| Instant::now() + within);
    let unwritten = app.feed.writer.finish(until);
    if unwritten > 0 {
        app.feed.console.warn(format_args!("{unwritten} lines of output were not written"));
        app.feed.troubles.note(Trouble::Output);
    }
}

/// Whether everything reached its fate by itself.
fn drain(app: &App, within: Duration) -> bool {
    app.engine.drain(within).is_ok_and(|report| report.complete)
}
