//! How a transition is carried out: lock, change, number the events, unlock, then act.

use std::cell::OnceCell;

use super::backlog::Code;
use super::machine::{Cx, Machine, Rules};
use super::next::{Next, Tag};
use super::session::Session;
use super::shared::Shared;
use crate::config::{Config, Inbound, Queue};
use crate::sync::Arc;
use crate::sync::atomic::Ordering;
use crate::sync::swap::{Current, Swap};
use crate::time::Moment;

/// The settings of one transition, read once somebody asks.
pub(crate) struct Late<'a> {
    config: &'a Swap<Config>,
    read: OnceCell<Current<Config>>,
}

impl Late<'_> {
    fn get(&self) -> &Config {
        self.read.get_or_init(|| self.config.load())
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

impl<C: Code> Shared<C> {
    /// The settings in force, for one transition.
    #[inline]
    pub(crate) fn rules(&self) -> Late<'_> {
        Late { config: &self.config, read: OnceCell::new() }
    }

    #[inline]
    pub(crate) fn cx<'a>(&self, rules: &'a Late<'_>, now: Moment) -> Cx<'a> {
        Cx {
            now,
            rules,
            closure_cap: self.closure_cap.load(Ordering::Relaxed),
            door: self.open(),
            listening: self.bus.on(),
            journaled: self.jots.is_some(),
        }
    }

    /// One transition of a session: everything that changes a key goes through here.
    #[inline]
    pub(crate) fn transition<R>(
        self: &Arc<Self>,
        session: &Arc<Session<C>>,
        now: Moment,
        step: impl FnOnce(&mut Machine<C>, &Cx<'_>) -> (Next<C>, R),
    ) -> R {
        self.transition_then(session, now, step, |_| ())
    }

    /// One transition; `then` hears the answer as soon as the lock is free, before anything that
    /// follows from it, some of which is host code. P7: whoever waits for the answer does not
    /// wait for that.
    #[inline]
    pub(crate) fn transition_then<R>(
        self: &Arc<Self>,
        session: &Arc<Session<C>>,
        now: Moment,
        step: impl FnOnce(&mut Machine<C>, &Cx<'_>) -> (Next<C>, R),
        then: impl FnOnce(&R),
    ) -> R {
        let (answer, ticket) = self.transition_holding(session, now, step, then);
        if let Some(tag) = ticket {
            self.issue(session, tag, Some(now));
        }
        answer
    }

    /// The same, but for the ticket, which its caller must issue.
    #[inline]
    pub(crate) fn transition_holding<R>(
        self: &Arc<Self>,
        session: &Arc<Session<C>>,
        now: Moment,
        step: impl FnOnce(&mut Machine<C>, &Cx<'_>) -> (Next<C>, R),
        then: impl FnOnce(&R),
    ) -> (R, Option<Tag>) {
        let (mut next, answer) = {
            let mut locked = session.lock();
            let rules = self.rules();
            let (mut next, answer) = step(&mut locked.machine, &self.cx(&rules, now));
            self.number(&mut next);
            (next, answer)
        };
        then(&answer);
        let ticket = next.ticket.take();
        self.act(session, now, next);
        (answer, ticket)
    }

    /// The admission of a closure, which reads the clock only where somebody needs the time.
    #[inline]
    pub(crate) fn transition_lazily<R>(
        self: &Arc<Self>,
        session: &Arc<Session<C>>,
        known: Option<Moment>,
        step: impl FnOnce(&mut Machine<C>, &Cx<'_>) -> (Next<C>, R),
    ) -> R {
        let (mut next, answer, read) = {
            let mut locked = session.lock();
            let needed = known.is_none() && (self.bus.on() || locked.machine.wants_clock());
            let read = known.or_else(|| needed.then(|| self.now()));
            let now = read.unwrap_or(Moment::START);
            let rules = self.rules();
            let (mut next, answer) = step(&mut locked.machine, &self.cx(&rules, now));
            self.number(&mut next);
            if locked.machine.is_plain() {
                locked.leaves_readers_alone();
            }
            (next, answer, read)
        };
        let ticket = next.ticket.take();
        // Whatever else there is to do was admitted by the clock.
        self.act(session, read.unwrap_or(Moment::START), next);
        if let Some(tag) = ticket {
            self.issue(session, tag, read);
        }
        answer
    }

    /// Draws a number for each event, still inside the lock.
    #[inline]
    fn number(&self, next: &mut Next<C>) {
        if let Some(effects) = &mut next.list {
            effects.draws = effects.notes.iter().map(|_| self.bus.draw()).collect();
        }
    }
}
