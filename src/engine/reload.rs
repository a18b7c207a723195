//! New settings for a running engine: validated whole, applied whole, nothing queued is lost.

use super::Engine;
use super::cron::Round;
use crate::config::Config;
use crate::model::Error;
use crate::watch::Event;

/// What a reload came to.
#[must_use]
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Reloaded {
    /// Lanes that were made, or are there again.
    pub added: Vec<String>,
    /// Lanes that take nothing new and go with their last message.
    pub removed: Vec<String>,
    /// Settings that differ and are read at a start only.
    pub at_next_start: Vec<&'static str>,
}

impl Engine {
    /// Replaces the settings of a running engine. Concurrency, bounds and windows take effect at
    /// once; what is queued stays queued, by the knobs of its admission. A lane that the new
    /// settings do not have refuses new messages and finishes what it holds. Lanes that were made
    /// by [`set_lane`](Self::set_lane) are removed like any other; pauses go on.
    ///
    /// Never blocks on work; may be called from a handler.
    ///
    /// # Errors
    /// `Invalid` for a setting out of range, `Full` beyond 1,024 lanes: nothing has changed then.
    pub fn reload(&self, mut config: Config) -> Result<Reloaded, Error> {
        config.resolve().inspect_err(|error| self.say_reload("config.refused", error))?;
        // One reload at a time: each is applied whole.
        let _turn = self.core.reloading.lock();
        let shared = self.shared();
        let jobs = Round::new(shared, &self.core.dedupe, &config)
            .inspect_err(|error| self.say_reload("config.refused", error))?;
        let jobs = (config.cron != shared.config().cron).then_some(jobs);
        let fresh = |name: &&String| !shared.doors.all().any(|door| *door.name == ***name);
        if shared.doors.all().count() + config.lanes.keys().filter(fresh).count()
            > crate::session::LANES_MAX
        {
            let error = Error::Full(format!("{} lanes are the most", crate::session::LANES_MAX));
            self.say_reload("config.refused", &error);
            return Err(error);
        }
        let mut reloaded =
            Reloaded { at_next_start: self.at_next_start(&config), ..Reloaded::default() };
        let lanes = config.lanes.clone();
        self.open_lanes(&lanes, &mut reloaded)?;
        shared.set_config(config);
        for door in shared.doors.all() {
            match lanes.get(&*door.name) {
                Some(lane) => door.reload(lane.clone()),
                None if !door.is_removed() => {
                    door.remove();
                    reloaded.removed.push(door.name.to_string());
                }
                None => {}
            }
            shared.call_all(door);
        }
        self.settle_windows();
        if let Some(jobs) = jobs {
            self.core.reload_schedules(jobs);
        }
        self.say_reload("config.reloaded", &reloaded);
        Ok(reloaded)
    }

    fn open_lanes(
        &self,
        lanes: &std::collections::BTreeMap<String, crate::config::Lane>,
        reloaded: &mut Reloaded,
    ) -> Result<(), Error> {
        let shared = self.shared();
        for (name, lane) in lanes {
            let known = shared.doors.all().find(|door| *door.name == **name);
            if known.is_some_and(|door| !door.is_removed()) {
                continue;
            }
            shared.doors.open(name, lane.clone())?;
            reloaded.added.push(name.clone());
        }
        self.core.staff.takers.survey(shared);
        Ok(())
    }

    /// A shorter debounce may have made windows due: each session looks again.
    fn settle_windows(&self) {
        let shared = self.shared();
        shared.table.for_each(|session| {
            // Looked at under its lock: what wakes it later does so under the new settings.
            if session.lock_awake().is_none() {
                return;
            }
            shared.transition(session, shared.now(), |m, cx| (m.notice_door(cx), ()));
        });
    }

    fn at_next_start(&self, config: &Config) -> Vec<&'static str> {
        let now = self.shared().config();
        let tools = now.engine.tool_threads != config.engine.tool_threads;
        let journal = now.journal != config.journal;
        let transcripts = now.transcripts != config.transcripts;
        let all =
            [("engine.tool_threads", tools), ("journal", journal), ("transcripts", transcripts)];
        all.into_iter().filter(|(_, differs)| *differs).map(|(name, _)| name).collect()
    }

    fn say_reload(&self, name: &'static str, what: &impl std::fmt::Display) {
        let shared = self.shared();
        shared.bus.say(shared.now(), || Event::Config { name, detail: what.to_string() });
    }
}

impl std::fmt::Display for Reloaded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut parts = Vec::new();
        for (what, names) in [("added", &self.added), ("removed", &self.removed)] {
            if !names.is_empty() {
                parts.push(format!("lanes {what}: {}", names.join(", ")));
            }
        }
        if !self.at_next_start.is_empty() {
            parts.push(format!("at the next start: {}", self.at_next_start.join(", ")));
        }
        if parts.is_empty() { f.write_str("in force") } else { f.write_str(&parts.join("; ")) }
    }
}
