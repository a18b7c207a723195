//! Before the start: settings, clock, hooks.

use super::Engine;
use super::core::Core;
use super::cron::{self, Cron};
use super::handle::Desk;
use super::overrides::Overrides;
use super::recover::{self, Own};
use super::submit;
use crate::config::Config;
use crate::ingress::Dedupe;
use crate::lane::Staff;
use crate::model::{Error, Message};
use crate::run::{Crew, Shared, WaitGraph};
use crate::session::{Hooks, LANES_MAX, SWEEP, What};
use crate::store::Transcripts;
use crate::sync::{Arc, Mutex, Weak, par};
use crate::time::{Clock, ManualClock};
use crate::watch::Event;

/// Builds an engine.
#[must_use = "nothing runs before `start`"]
pub struct Builder {
    config: Config,
    clock: Option<ManualClock>,
    hooks: Hooks,
    journal: Option<Own>,
}

/// One message of a batch, as a renderer sees it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Line<'a> {
    /// Who wrote it.
    pub sender: Option<&'a str>,
    /// What it says in this turn.
    pub text: std::borrow::Cow<'a, str>,
}

impl Builder {
    pub(super) fn new(config: Config) -> Self {
        Self { config, clock: None, hooks: Hooks::default(), journal: None }
    }

    /// A clock that is turned by hand, with [`Engine::advance`]: for tests and simulations.
    pub fn clock(mut self, clock: ManualClock) -> Self {
        self.clock = Some(clock);
        self
    }

    /// The host's way to write a batch as one text: its messages, oldest first, and the lines
    /// about dropped ones. Called on workers, with no lock held.
    pub fn renderer(
        mut self,
        render: impl Fn(&[Line<'_>], &[&str]) -> String + Send + Sync + 'static,
    ) -> Self {
        self.hooks.renderer = Some(Box::new(move |batch| {
            let lines: Vec<_> = batch
                .iter()
                .map(|cell| Line {
                    sender: cell.message.sender(),
                    text: crate::session::turn_text(cell),
                })
                .collect();
            let summary = batch.summary().into_iter().flat_map(|s| s.lines.iter().map(|l| &**l));
            let summary: Vec<&str> = summary.collect();
            render(&lines, &summary).into()
        }));
        self
    }

    /// The host's line about a message that gives way under `drop = "summarize"`; white space is
    /// folded, and it is cut at 160 characters. Default: the sender and the beginning of the text.
    /// Called for each message before it is admitted, on the thread that submits it, with no lock
    /// held; so it must be quick.
    pub fn summarizer(
        mut self,
        summarize: impl Fn(&Message) -> String + Send + Sync + 'static,
    ) -> Self {
        self.hooks.summarizer = Some(Box::new(summarize));
        self
    }

    /// A journal of the host's own, in place of the file that `journal.path` names.
    #[cfg(feature = "journal")]
    pub fn journal(mut self, journal: Box<dyn crate::store::Journal>) -> Self {
        self.journal = Some(journal);
        self
    }

    /// What [`start`](Self::start) would say of the settings, schedules included. Nothing starts.
    ///
    /// # Errors
    /// `Invalid`, as there.
    pub fn check(mut self) -> Result<(), Error> {
        self.config.resolve()?;
        cron::check(&self.config.cron)
    }

    /// Starts the engine.
    ///
    /// # Errors
    /// `Invalid` for a setting out of range, or a schedule that cannot be understood or never
    /// comes; `System` if no thread can be started, or `transcripts.dir` cannot be used; `Journal`
    /// if the journal cannot be opened.
    pub fn start(mut self) -> Result<Engine, Error> {
        self.config.resolve()?;
        let dir = self.config.transcripts.dir.as_deref();
        let transcripts = dir.map(Transcripts::open).transpose()?;
        let dedupe = Arc::new(Dedupe::default());
        let known = Arc::clone(&dedupe);
        let crew = Crew {
            waits: WaitGraph::default(),
            tools: par::Pool::new(self.config.engine.tool_threads),
            submit: Box::new(move |shared, message, origin, depth| {
                submit::message(shared, &known, message, submit::By { origin, depth })
            }),
        };
        let staff = Arc::new(Staff::new(LANES_MAX, crew));
        let clock = self.clock.clone().map_or_else(Clock::real, Clock::Manual);
        let hire: Arc<dyn crate::session::Hire<_>> = Arc::clone(&staff) as Arc<_>;
        let (recovery, jots) = recover::open(self.journal, &self.config, &clock)?;
        let mut shared = Shared::new(self.config, clock, hire, self.hooks, transcripts);
        shared.jots = jots;
        let shared = Arc::new(shared);
        // `main` is lane 0; the others follow by name.
        let lanes = shared.config().lanes.clone();
        let main = lanes.get_key_value("main");
        for (name, lane) in main.into_iter().chain(lanes.iter().filter(|(n, _)| *n != "main")) {
            shared.doors.open(name, lane.clone())?;
        }
        let helpers = Mutex::new(Vec::new());
        let overrides = Overrides::default();
        let (people, reloading) = (Mutex::default(), Mutex::default());
        let cron = Cron::new(&shared, &dedupe)?;
        let manual = self.clock;
        let core = Arc::new_cyclic(|core| Core {
            desk: Arc::new(Desk::new(&shared, &dedupe, Weak::clone(core))),
            shared,
            staff,
            helpers,
            overrides,
            people,
            reloading,
            cron,
            dedupe,
            recovery,
            manual,
        });
        core.start_helpers()?;
        let shared = &core.shared;
        core.staff.takers.survey(shared);
        shared.doors.all().for_each(|door| core.staff.prime(shared, door));
        shared.timer.arm(shared.now().plus(SWEEP), What::Sweep(0));
        shared.bus.say(shared.now(), || Event::EngineStarted);
        Ok(Engine { core })
    }
}
