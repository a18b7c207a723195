//! What is in force for one message: each knob from the first level that has it.

use std::time::Duration;

use super::Queue;
use super::ingress::of_channel;
use crate::model::mode_words as words;
use crate::model::{Drop, Knobs, Message, Mode};

/// Where a value comes from; the first that has one decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Level {
    /// The message itself.
    Message,
    /// The session's own settings.
    Session,
    /// The settings of its channel.
    Channel,
    /// The general settings.
    Config,
    /// The default: nobody has set it.
    BuiltIn,
}

words!(
    Level,
    "level",
    Message = "message",
    Session = "session",
    Channel = "channel",
    Config = "config",
    BuiltIn = "built-in"
);

/// A value, and the level that gave it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Given<T> {
    /// What is in force.
    pub value: T,
    /// Why.
    pub level: Level,
}

/// The knobs in force for one message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct InForce {
    /// What happens to it while its session is busy.
    pub mode: Given<Mode>,
    /// The quiet window of collect.
    pub debounce: Given<Duration>,
    /// Most waiting messages of its session.
    pub cap: Given<u32>,
    /// What gives way.
    pub drop: Given<Drop>,
}

/// What each level says of the four knobs; nothing where it says nothing.
#[derive(Clone, Copy)]
struct Levels<'a> {
    message: Option<&'a Knobs>,
    session: Option<&'a Knobs>,
    channel: Option<&'a Knobs>,
}

impl Levels<'_> {
    fn pick<T: Copy + PartialEq>(
        self,
        of: impl Fn(&Knobs) -> Option<T>,
        general: T,
        built_in: T,
    ) -> Given<T> {
        let given =
            |level, knobs: Option<&Knobs>| knobs.and_then(&of).map(|value| Given { value, level });
        given(Level::Message, self.message)
            .or_else(|| given(Level::Session, self.session))
            .or_else(|| given(Level::Channel, self.channel))
            .unwrap_or_else(|| {
                let level = if general == built_in { Level::BuiltIn } else { Level::Config };
                Given { value: general, level }
            })
    }
}

impl Queue {
    /// What is in force for this message, in a session with these knobs of its own.
    pub(crate) fn in_force_for(&self, message: &Message, own: Option<&Knobs>) -> InForce {
        let details = message.details();
        let source = details.source.as_ref().filter(|_| !self.channels.is_empty());
        let mut force = self.in_force(Levels {
            message: details.knobs.as_ref(),
            session: own,
            channel: source.and_then(|source| of_channel(&self.channels, &source.channel)),
        });
        if let Some(value) = message.mode {
            force.mode = Given { value, level: Level::Message };
        }
        force
    }

    /// What is in force under these levels.
    fn in_force(&self, levels: Levels<'_>) -> InForce {
        InForce {
            mode: levels.pick(|knobs| knobs.mode, self.mode, Self::MODE),
            debounce: levels.pick(|knobs| knobs.debounce, self.debounce, Self::DEBOUNCE),
            cap: levels.pick(|knobs| knobs.cap, self.cap, Self::CAP),
            drop: levels.pick(|knobs| knobs.drop, self.drop, Self::DROP),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_level_that_has_a_knob_decides_it() {
        let knobs = |cap, drop| Knobs { cap, drop, ..Knobs::default() };
        let (message, session) = (knobs(Some(1), None), knobs(Some(2), Some(Drop::Old)));
        let channel = Knobs { mode: Some(Mode::Steer), ..knobs(Some(3), Some(Drop::New)) };
        let levels =
            Levels { message: Some(&message), session: Some(&session), channel: Some(&channel) };
        let force = Queue { debounce: Duration::ZERO, ..Queue::default() }.in_force(levels);
        assert_eq!(force.cap, Given { value: 1, level: Level::Message });
        assert_eq!(force.drop, Given { value: Drop::Old, level: Level::Session });
        assert_eq!(force.mode, Given { value: Mode::Steer, level: Level::Channel });
        assert_eq!(force.debounce, Given { value: Duration::ZERO, level: Level::Config });
        let nobody = Levels { message: None, session: None, channel: None };
        assert_eq!(Queue::default().in_force(nobody).cap.level, Level::BuiltIn);
    }
}
