//! What the bytes in the journal mean. Each value begins with the number of its format.

use std::borrow::Cow;
use std::collections::HashMap;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use super::store::{Change, Each, Journal, JournalError, Table};
use crate::model::{Details, Fate, Knobs, Message, Mode, Outcome, Priority, Source};
use crate::sync::Arc;

/// The format of every value. A file with another one is refused, with both numbers.
const FORMAT: u8 = 1;

/// A message as it was accepted.
#[derive(Serialize, Deserialize)]
pub(crate) struct Sent<'a> {
    #[serde(borrow)]
    pub(crate) key: Cow<'a, str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    text: Cow<'a, str>,
    pub(crate) lane: Cow<'a, str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    authority: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    mode: Option<Mode>,
    priority: Priority,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    source: Option<Cow<'a, Source>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sender: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    payload: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    meta: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    media: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    backlog: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    deadline: Option<Duration>,
    pub(crate) attempts: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    requeued_from: Option<Cow<'a, str>>,
    /// The number of the parked message whose place it takes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) replaces: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    knobs: Option<Cow<'a, Knobs>>,
    /// Levels of runs above it.
    pub(crate) depth: u8,
    /// The host's line about it, should it have to give way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) line: Option<Cow<'a, str>>,
    /// Milliseconds since 1970.
    pub(crate) accepted: u64,
    /// How long it may wait in all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) ttl: Option<Duration>,
}

impl<'a> Sent<'a> {
    /// The record of a message that is about to be accepted in this lane, by this mode.
    pub(crate) fn of(message: &'a Message, lane: &'a str, mode: Mode, attempts: u32) -> Self {
        let details = message.details();
        let text = |part: &'a Option<Box<str>>| part.as_deref().map(Cow::Borrowed);
        Self {
            key: Cow::Borrowed(&message.key),
            id: message.id.as_deref().map(Cow::Borrowed),
            text: Cow::Borrowed(&message.text),
            lane: Cow::Borrowed(lane),
            authority: message.authority.as_deref().map(Cow::Borrowed),
            mode: Some(mode),
            priority: message.priority,
            source: details.source.as_ref().map(Cow::Borrowed),
            sender: text(&details.sender),
            payload: text(&details.payload),
            meta: text(&details.meta),
            media: text(&details.media),
            backlog: text(&details.backlog),
            deadline: details.deadline,
            attempts,
            requeued_from: text(&details.requeued_from),
            replaces: None,
            knobs: details.knobs.as_ref().map(Cow::Borrowed),
            depth: 0,
            line: None,
            accepted: 0,
            ttl: details.ttl,
        }
    }

    /// When it was accepted.
    pub(crate) fn accepted(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_millis(self.accepted)
    }

    /// The record of the same message, accepted anew at this time.
    pub(super) fn anew(self, from: String, at: SystemTime) -> Self {
        Self { requeued_from: Some(from.into()), accepted: millis(at), ..self }
    }

    /// The message that it was, but for its ttl and attempts, which its cell has.
    pub(crate) fn message(self) -> Message {
        let mut message = Message::new(&*self.key, self.text).with_lane(&*self.lane);
        message.id = self.id.map(|id| (&*id).into());
        message.authority = self.authority.map(|a| (&*a).into());
        (message.mode, message.priority) = (self.mode, self.priority);
        let text = |part: Option<Cow<'_, str>>| part.map(|part| part.into_owned().into());
        let details = Details {
            source: self.source.map(Cow::into_owned),
            sender: text(self.sender),
            payload: text(self.payload),
            meta: text(self.meta),
            media: text(self.media),
            backlog: text(self.backlog),
            deadline: self.deadline,
            requeued_from: text(self.requeued_from),
            knobs: self.knobs.map(Cow::into_owned),
            ..Details::default()
        };
        // Most messages have none, and then they take no room.
        if details != Details::default() {
            message.details = Some(Arc::new(details));
        }
        message
    }
}

/// How far a message has come. Each kind of mark has a key of its own, so that two that are
/// written at the same time, by two threads, do not overwrite each other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Mark {
    /// Its run has started: the last one, and which of its runs that was.
    Started {
        run: u64,
        attempt: u32,
        /// Runs of it that the end of a process interrupted, before this one.
        interrupted: u32,
        at: u64,
    },
    /// Rank 0: an interrupt that waits.
    Urgent,
    /// Rank 1: an accepted steer.
    Steer,
    /// Rank 2: the later turn of a steer-backlog whose steer was delivered.
    Seen,
    /// This run of it was ended by a close: no crash interrupted it.
    Closed { run: u64 },
    /// Its attempts are used up.
    Parked { attempt: u32, outcome: Option<Outcome>, at: u64 },
}

impl Mark {
    /// The last byte of the key of each kind.
    pub(crate) const STARTED: u8 = 0;
    pub(crate) const RANK: u8 = 1;
    pub(crate) const SEEN: u8 = 2;
    pub(crate) const PARKED: u8 = 3;
    pub(crate) const CLOSED: u8 = 4;

    fn kind(&self) -> u8 {
        match self {
            Self::Started { .. } => Self::STARTED,
            Self::Urgent | Self::Steer => Self::RANK,
            Self::Seen => Self::SEEN,
            Self::Closed { .. } => Self::CLOSED,
            Self::Parked { .. } => Self::PARKED,
        }
    }

    /// The change that writes it.
    pub(crate) fn put(&self, number: u64) -> Change {
        let key = Self::key(number, self.kind());
        Change { table: Table::Marks, key, value: Some(encode(self)) }
    }

    fn key(number: u64, kind: u8) -> Box<[u8]> {
        let mut key = number.to_be_bytes().to_vec();
        key.push(kind);
        key.into()
    }

    /// The change that takes one kind out.
    pub(crate) fn take(number: u64, kind: u8) -> Change {
        Change { table: Table::Marks, key: Self::key(number, kind), value: None }
    }
}

/// All marks of one message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Marks {
    pub(crate) started: Option<Mark>,
    pub(crate) rank: Option<Mark>,
    pub(crate) seen: Option<Mark>,
    pub(crate) parked: Option<Mark>,
    pub(crate) closed: Option<Mark>,
}

impl Marks {
    /// Whether a close ended the run that it was last part of.
    pub(crate) fn was_closed(&self) -> bool {
        let run = |mark: &Option<Mark>| match mark {
            Some(Mark::Started { run, .. } | Mark::Closed { run }) => Some(*run),
            _ => None,
        };
        self.closed.is_some() && run(&self.closed) == run(&self.started)
    }

    /// Whether it has not started; the later turn of a delivered steer has no rank any more.
    pub(crate) fn waits(&self) -> bool {
        self.started.is_none() && self.parked.is_none()
    }

    /// Runs that have started.
    pub(crate) fn attempt(&self) -> u32 {
        match self.parked.as_ref().or(self.started.as_ref()) {
            Some(Mark::Parked { attempt, .. } | Mark::Started { attempt, .. }) => *attempt,
            _ => 0,
        }
    }

    /// Every message that has any, by number.
    pub(crate) fn all(journal: &dyn Journal) -> Result<HashMap<u64, Self>, JournalError> {
        Self::of(|each| journal.read(Table::Marks, each))
    }

    /// The same, of the table of marks that `read` reads.
    pub(super) fn of(
        read: impl FnOnce(&mut Each<'_>) -> Result<(), JournalError>,
    ) -> Result<HashMap<u64, Self>, JournalError> {
        let mut all: HashMap<u64, Self> = HashMap::new();
        read(&mut |key, value| {
            let number = number_of(key.get(..8).unwrap_or(key))?;
            let mark: Mark = decode(value)?;
            let own = all.entry(number).or_default();
            match mark {
                Mark::Started { .. } => own.started = Some(mark),
                Mark::Urgent | Mark::Steer => own.rank = Some(mark),
                Mark::Seen => own.seen = Some(mark),
                Mark::Closed { .. } => own.closed = Some(mark),
                Mark::Parked { .. } => own.parked = Some(mark),
            }
            Ok(())
        })?;
        // What was delivered has its turn in the backlog, where it always was.
        all.values_mut().filter(|own| own.seen.is_some()).for_each(|own| own.rank = None);
        Ok(all)
    }
}

/// An id whose message has its fate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Known {
    pub(crate) key: Box<str>,
    pub(crate) id: Box<str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) source: Option<Source>,
    pub(crate) fate: Fate,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) run: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) outcome: Option<Outcome>,
    /// Milliseconds since 1970.
    pub(crate) at: u64,
}

/// Lines about messages of one route and authority that gave way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Summary {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) authority: Option<Box<str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) source: Option<Source>,
    pub(crate) lines: Vec<Box<str>>,
    pub(crate) count: u32,
}

/// Milliseconds since 1970; times before it are 1970.
pub(crate) fn millis(at: SystemTime) -> u64 {
    let since = at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// The bytes of a value: the format, then JSON, so that a later version may add fields.
pub(crate) fn encode(value: &impl Serialize) -> Box<[u8]> {
    let mut bytes = vec![FORMAT];
    serde_json::to_writer(&mut bytes, value).expect("a record is JSON, and memory takes it");
    bytes.into()
}

/// The value of these bytes, which must be all of them.
pub(crate) fn decode<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, JournalError> {
    match bytes.split_first() {
        Some((&FORMAT, json)) => serde_json::from_slice(json).map_err(|error| {
            JournalError::Damaged(format!("an entry that cannot be read: {error}").into())
        }),
        Some((format, _)) => {
            let text = format!("an entry of format {format}: this version reads format {FORMAT}");
            Err(JournalError::Format(text.into()))
        }
        None => Err(JournalError::Damaged("an empty entry".into())),
    }
}

/// The change that writes a value under a number.
pub(crate) fn put(table: Table, number: u64, value: &impl Serialize) -> Change {
    Change { table, key: number.to_be_bytes().into(), value: Some(encode(value)) }
}

/// The change that takes the value of a number out.
pub(crate) fn take(table: Table, number: u64) -> Change {
    Change { table, key: number.to_be_bytes().into(), value: None }
}

/// Everything that may be kept of a message.
pub(crate) fn removal(number: u64) -> impl Iterator<Item = Change> {
    let marks = [Mark::STARTED, Mark::RANK, Mark::SEEN, Mark::PARKED, Mark::CLOSED];
    let marks = marks.into_iter().map(move |kind| Mark::take(number, kind));
    std::iter::once(take(Table::Messages, number)).chain(marks)
}

/// The number that a key of the tables of messages stands for.
pub(crate) fn number_of(key: &[u8]) -> Result<u64, JournalError> {
    let bytes = key.try_into().map_err(|_| {
        JournalError::Damaged(format!("a key of {} bytes: a number has 8", key.len()).into())
    })?;
    Ok(u64::from_be_bytes(bytes))
}
