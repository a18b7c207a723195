//! The way in before the way in: a source becomes a key and a lane, a directive becomes control.

use super::Engine;
use super::core::Core;
use super::submit::check_key;
use crate::config::{Config, Given, InForce};
use crate::ingress::{self, Directive, Word};
use crate::model::{Error, Kind, Knobs, Message, Reason, Source, Text};
use crate::run::{Refused, Shared};
use crate::sync::Arc;
use crate::watch::Event;

/// Sessions whose first person is remembered, for the warning that a second one came. P9.
const PEOPLE: usize = 10_000;

/// The key of a message: its own, or that of its source.
pub(super) fn key_of(config: &Config, message: &Message) -> Result<Arc<str>, String> {
    match (message.source(), message.key.is_empty()) {
        (Some(source), true) => ingress::key(source, &config.session).map(Into::into),
        _ => Ok(Arc::clone(&message.key)),
    }
}

/// Key, lane and deadline of a message that leaves them to its source.
pub(super) fn routed(shared: &Shared, mut message: Message) -> Result<Message, Refused> {
    if message.source().is_none() {
        return Ok(message);
    }
    let config = shared.config();
    match key_of(&config, &message) {
        Ok(key) => message.key = key,
        Err(detail) => return Err(Refused::told(shared, message, Reason::Invalid, detail)),
    }
    let source = message.source().cloned().unwrap_or_default();
    let agent = config.agent_of(&source);
    if message.lane.as_deref().is_none_or(|lane| lane == "auto") {
        // Explicit lane > the agent's lane > sub-agent > cron > main.
        let kind = match source.kind {
            Kind::Subagent => Some("subagent"),
            Kind::Cron => Some("cron"),
            _ => None,
        };
        message.lane = agent.and_then(|agent| agent.lane.as_deref()).or(kind).map(Into::into);
    }
    match agent.and_then(|agent| agent.deadline) {
        Some(deadline) if message.details().deadline.is_none() => {
            Ok(message.with_deadline(deadline))
        }
        _ => Ok(message),
    }
}

impl Core {
    /// What is left of a message for its session; a directive is carried out and handed back.
    #[inline]
    pub(super) fn receive(&self, message: Message) -> Result<Message, Refused> {
        // All of many messages: then they are not even copied.
        if message.source().is_none() && !may_be_words(&message) {
            return Ok(message);
        }
        self.receive_slow(message)
    }

    /// Apart, so that what has no source and no words is not even copied.
    #[inline(never)]
    fn receive_slow(&self, message: Message) -> Result<Message, Refused> {
        let message = routed(&self.shared, message)?;
        self.notice_people(&message);
        match self.directive(&message) {
            Directive::Absent => Ok(message),
            Directive::Wrong(words) => Err(answered(message, words)),
            Directive::Inline(knobs, text) => Ok(Self::inline(message, &knobs, text)),
            Directive::Alone(word) => match check_key(&self.shared.config().limits, &message.key) {
                Ok(()) => {
                    let words = self.obey(&message, word);
                    Err(answered(message, words))
                }
                Err(no) => Err(no.of(message)),
            },
        }
    }

    /// What the text is, for somebody who may use words for the queue.
    fn directive(&self, message: &Message) -> Directive {
        if may_be_words(message) && self.may_direct(message) {
            return ingress::read(&message.text);
        }
        Directive::Absent
    }

    fn may_direct(&self, message: &Message) -> bool {
        let config = self.shared.config();
        let listed = &config.inbound.directive_authorities;
        listed.iter().any(|a| a == "*" || a == message.authority())
    }

    /// An inline directive goes before what the message asked for by its fields.
    fn inline(mut message: Message, knobs: &Knobs, text: String) -> Message {
        message.text = Text::of(text);
        if let Some(mode) = knobs.mode {
            message.mode = Some(mode);
        }
        let before = message.details().knobs.clone().unwrap_or_default();
        message.with_knobs(over(&before, knobs))
    }

    fn obey(&self, message: &Message, word: Word) -> String {
        let key = &message.key;
        match word {
            Word::Stop => self.stop_in_words(key),
            Word::Show => format!("{} Waiting: {}.", self.in_words(message), self.depth(key)),
            Word::Reset => match self.overrides.change(&self.shared, key, |_| Knobs::default()) {
                Ok(()) => format!("Reset. {}", self.in_words(message)),
                Err(error) => error.to_string(),
            },
            Word::Set(knobs) => {
                match self.overrides.change(&self.shared, key, |own| over(own, &knobs)) {
                    Ok(()) => self.in_words(message),
                    Err(error) => error.to_string(),
                }
            }
        }
    }

    fn stop_in_words(&self, key: &str) -> String {
        let stopped = self.stop(key);
        match (stopped.withdrawn, stopped.run.is_some()) {
            (0, false) => "Nothing to stop.".to_owned(),
            (0, true) => "Stopped.".to_owned(),
            (n, true) => format!("Stopped. Waiting messages taken back: {n}."),
            (n, false) => format!("Waiting messages taken back: {n}."),
        }
    }

    fn own(&self, key: &str) -> Option<Knobs> {
        self.shared.table.existing(key)?.lock().machine.own().cloned()
    }

    fn depth(&self, key: &str) -> u32 {
        self.shared.table.existing(key).map_or(0, |session| session.lock().machine.depth())
    }

    pub(super) fn in_force(&self, message: &Message, key: &str) -> InForce {
        let own = self.own(key);
        self.shared.config().queue.in_force_for(message, own.as_ref())
    }

    /// What is in force for the session's ordinary messages of this route.
    fn in_words(&self, message: &Message) -> String {
        let mut plain = message.clone();
        plain.mode = None;
        if let Some(details) = &mut plain.details {
            Arc::make_mut(details).knobs = None;
        }
        let force = self.in_force(&plain, &message.key);
        let debounce = Given {
            value: crate::config::check::spoken(force.debounce.value),
            level: force.debounce.level,
        };
        let (mode, cap, drop) = (said(&force.mode), said(&force.cap), said(&force.drop));
        format!("Queue: {mode}, debounce {}, cap {cap}, drop {drop}.", said(&debounce))
    }

    /// A second person in the session of all direct messages is worth a warning, once.
    fn notice_people(&self, message: &Message) {
        let Some(source) = message.source().filter(|source| is_shared(source, message)) else {
            return;
        };
        let mut people = self.people.lock();
        let shared = match people.get_mut(&message.key) {
            None => {
                if people.len() < PEOPLE {
                    people.insert(Arc::clone(&message.key), Some(folded(source)));
                }
                false
            }
            // A word of warning is enough.
            Some(first) => first.take_if(|first| *first != folded(source)).is_some(),
        };
        drop(people);
        if shared {
            let key = Arc::clone(&message.key);
            self.shared.bus.say(self.shared.now(), || Event::SessionShared { key, peers: 2 });
        }
    }
}

/// Whether there may be words for the queue in it. Most texts have no slash at all.
fn may_be_words(message: &Message) -> bool {
    message.text.contains('/')
}

/// Whether this source's key does not keep the person.
fn is_shared(source: &Source, message: &Message) -> bool {
    source.kind == Kind::Direct && message.key.starts_with("agent:") && {
        let key = message.key.split(":thread:").next().unwrap_or("");
        key.ends_with(":main")
    }
}

fn folded(source: &Source) -> Box<str> {
    format!("{}:{}", source.channel.trim(), source.peer.trim()).to_lowercase().into()
}

/// These knobs, and what they leave open as it was before.
fn over(before: &Knobs, knobs: &Knobs) -> Knobs {
    Knobs {
        mode: knobs.mode.or(before.mode),
        debounce: knobs.debounce.or(before.debounce),
        cap: knobs.cap.or(before.cap),
        drop: knobs.drop.or(before.drop),
    }
}

fn said<T: std::fmt::Display>(given: &Given<T>) -> String {
    format!("{} ({})", given.value, given.level)
}

/// The words for the person; the message comes home, and nothing was admitted.
fn answered(message: Message, words: String) -> Refused {
    Refused::new(message, Reason::Directive, words)
}

impl Engine {
    /// The session key of a message: its own, or the one that its source makes.
    ///
    /// # Errors
    /// `Invalid` for a source that lacks what its key needs.
    pub fn key_of(&self, message: &Message) -> Result<Arc<str>, Error> {
        key_of(&self.shared().config(), message).map_err(Error::invalid)
    }

    /// Whether [`submit`](Self::submit) would carry this message out as words for the queue, and
    /// admit nothing: a host that waits for room does not wait with it.
    #[must_use]
    pub fn is_control(&self, message: &Message) -> bool {
        matches!(self.core.directive(message), Directive::Alone(_) | Directive::Wrong(_))
    }

    /// What would be in force for this message, and which level says so: message, session,
    /// channel, configuration or built-in default. Changes nothing; never blocks but for the
    /// session's lock.
    ///
    /// # Errors
    /// `Invalid` for a message without a key whose source makes none.
    pub fn explain(&self, message: &Message) -> Result<InForce, Error> {
        let key = key_of(&self.shared().config(), message).map_err(Error::invalid)?;
        Ok(self.core.in_force(message, &key))
    }
}
