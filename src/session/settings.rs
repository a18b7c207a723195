//! The settings, replaced whole by a reload while transitions read them.

use std::cell::OnceCell;
use std::ops::Deref;

use super::machine::Rules;
use crate::config::{Config, Inbound, Queue};
use crate::sync::atomic::{AtomicU64, Ordering};
use crate::sync::swap::{Current, Swap};

/// The settings in force, and how often they were replaced.
pub(crate) struct Versions {
    config: Swap<Config>,
    /// Written by reloads, after the settings and before their round of the sessions.
    newest: AtomicU64,
}

impl Versions {
    pub(super) fn new(config: Config) -> Self {
        Self { config: Swap::new(config), newest: AtomicU64::new(0) }
    }

    #[inline]
    pub(super) fn current(&self) -> Current<Config> {
        self.config.load()
    }

    pub(super) fn replace(&self, config: Config) {
        self.config.store(config);
        self.newest.fetch_add(1, Ordering::SeqCst);
    }

    pub(super) fn read(&self) -> Settings<'_> {
        // In this order: what is read is at least of this version.
        let version = self.newest.load(Ordering::SeqCst);
        Settings { all: self, version, read: self.current() }
    }

    #[inline]
    pub(super) fn rules(&self) -> Late<'_> {
        Late { all: self, known: None, chosen: OnceCell::new() }
    }
}

/// The settings on the way to a session, read once.
pub(crate) struct Settings<'a> {
    all: &'a Versions,
    version: u64,
    read: Current<Config>,
}

impl Deref for Settings<'_> {
    type Target = Config;

    fn deref(&self) -> &Config {
        &self.read
    }
}

impl Settings<'_> {
    /// The settings in force after something that may have taken its time.
    pub(crate) fn renewed(self) -> Self {
        if self.version == self.all.newest.load(Ordering::SeqCst) { self } else { self.all.read() }
    }

    /// For one transition.
    pub(crate) fn rules(&self) -> Late<'_> {
        Late { all: self.all, known: Some(self), chosen: OnceCell::new() }
    }
}

/// The settings of one transition, chosen once somebody asks, under the session's lock: what is
/// admitted after a reload has visited the session is admitted under the new ones.
pub(crate) struct Late<'a> {
    all: &'a Versions,
    /// What was read before, which is good enough if it is the newest.
    known: Option<&'a Settings<'a>>,
    chosen: OnceCell<Chosen<'a>>,
}

enum Chosen<'a> {
    Known(&'a Config),
    Read(Current<Config>),
}

impl<'a> Late<'a> {
    fn get(&self) -> &Config {
        match self.chosen.get_or_init(|| self.choose()) {
            Chosen::Known(config) => config,
            Chosen::Read(config) => config,
        }
    }

    fn choose(&self) -> Chosen<'a> {
        match self.known {
            Some(known) if known.version == self.all.newest.load(Ordering::SeqCst) => {
                Chosen::Known(known)
            }
            _ => Chosen::Read(self.all.current()),
        }
    }
}

impl Rules for Late<'_> {
    fn queue(&self) -> &Queue {
        &self.get().queue
    }

    fn inbound(&self) -> &Inbound {
        &self.get().inbound
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn of_cap(cap: u32) -> Config {
        Config::default().with_queue(|queue| queue.cap = cap)
    }

    #[test]
    fn what_was_read_before_a_reload_is_not_used_after_it() {
        let all = Versions::new(of_cap(1));
        let read = all.read();
        assert_eq!(read.rules().queue().cap, 1);
        let chosen_before = read.rules();
        assert_eq!(chosen_before.queue().cap, 1);
        let chosen_after = read.rules();
        all.replace(of_cap(2));
        assert_eq!(chosen_after.queue().cap, 2, "chosen once somebody asks");
        assert_eq!(chosen_before.queue().cap, 1, "one version a transition");
        assert_eq!((read.queue.cap, all.rules().queue().cap), (1, 2));
        assert_eq!(read.renewed().queue.cap, 2);
    }
}
