//! Which agent does a run: the one that its messages name, else that of the command line.

use std::collections::HashMap;
use std::sync::Arc;

use laneq::{BoxError, Config, Engine, Error, HandlerOptions, Reply, Run};

use super::Agent;
use crate::cli::app::App;
use crate::cli::args::Protocol;
use crate::cli::demo;

/// The agents of the configuration, and the one for everybody else.
pub struct Fleet {
    /// None is the demo agent.
    pub general: Option<Arc<Agent>>,
    /// By their ids, folded.
    pub named: HashMap<String, Arc<Agent>>,
    /// The lanes of the named ones.
    pub lanes: HashMap<String, Vec<Protocol>>,
}

/// Ids are told apart as sources are: case and blanks around them do not count.
pub fn folded(id: &str) -> String {
    id.trim().to_lowercase()
}

impl Fleet {
    /// Whether anybody of it is a process.
    pub fn has_processes(&self) -> bool {
        self.general.is_some() || !self.named.is_empty()
    }

    /// Takes the runs of every lane: steers reach those lanes where some agent can take them.
    pub fn enlist(app: &Arc<App>, config: &Config) -> Result<(), Error> {
        let settings = app.in_use();
        let fleet = &settings.fleet;
        for lane in config.lanes.keys() {
            let plain = |protocol: &Protocol| *protocol == Protocol::Plain;
            let unsteerable = match fleet.lanes.get(lane) {
                Some(protocols) => protocols.iter().all(plain),
                None => fleet.general.as_ref().is_some_and(|agent| plain(&agent.protocol)),
            };
            let options =
                if unsteerable { HandlerOptions::unsteerable() } else { HandlerOptions::default() };
            Self::serve(&app.engine, Some(lane), options, app)?;
        }
        // Lanes that a reload makes.
        Self::serve(&app.engine, None, HandlerOptions::default(), app)
    }

    fn serve(
        engine: &Engine,
        lane: Option<&String>,
        options: HandlerOptions,
        app: &Arc<App>,
    ) -> Result<(), Error> {
        let app = Arc::clone(app);
        // A run keeps to the settings that it began with.
        let handler = move |run: &Run| app.in_use().fleet.handle(&app, run);
        match lane {
            Some(lane) => engine.on_run_with(lane, options, handler),
            None => engine.on_run_any(options, handler),
        }
    }

    fn handle(&self, app: &Arc<App>, run: &Run) -> Result<Reply, BoxError> {
        let source = run.batch().messages().last().and_then(|part| part.message().source());
        let id = source.map_or("", |source| source.agent.as_str());
        let id = if id.trim().is_empty() { "main" } else { id };
        let Some(agent) = self.named.get(&folded(id)).or(self.general.as_ref()) else {
            let result = demo::handle(run);
            app.wait_room();
            return app.confirm(run, result);
        };
        if agent.protocol == Protocol::Plain {
            // In a lane with agents that take steers: held, they become turns afterwards.
            run.set_steerable(false)?;
        }
        let result = agent.handle(app, run);
        app.confirm(run, result)
    }
}
