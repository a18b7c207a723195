//! What a host submits, and what a handler answers.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::text::Text;
use super::{Knobs, Mode, Priority, RunId, Source};

/// One message for one session.
///
/// Only the key and a text (or a payload) are needed; everything else has a default. The engine
/// never looks into `payload` and `meta`: they are JSON texts of the host, handed on as they are.
#[derive(Clone, PartialEq)]
pub struct Message {
    pub(crate) key: Arc<str>,
    pub(crate) id: Option<Arc<str>>,
    pub(crate) text: Text,
    pub(crate) lane: Option<Arc<str>>,
    pub(crate) authority: Option<Arc<str>>,
    /// What most messages leave out; shared with the events that echo it.
    pub(crate) details: Option<Arc<Details>>,
    pub(crate) mode: Option<Mode>,
    pub(crate) priority: Priority,
}

/// The rarer parts of a message.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Details {
    pub(crate) source: Option<Source>,
    pub(crate) sender: Option<Box<str>>,
    pub(crate) payload: Option<Box<str>>,
    pub(crate) meta: Option<Box<str>>,
    pub(crate) media: Option<Box<str>>,
    pub(crate) backlog: Option<Box<str>>,
    pub(crate) ttl: Option<Duration>,
    pub(crate) deadline: Option<Duration>,
    pub(crate) attempts: Option<u32>,
    pub(crate) expect_run: Option<RunId>,
    pub(crate) requeued_from: Option<Box<str>>,
    pub(crate) knobs: Option<Knobs>,
}

/// Text that reads back as nothing at all.
const NOTHING: &Details = &Details {
    source: None,
    sender: None,
    payload: None,
    meta: None,
    media: None,
    backlog: None,
    ttl: None,
    deadline: None,
    attempts: None,
    expect_run: None,
    requeued_from: None,
    knobs: None,
};

impl Message {
    /// A message with this text for the session `key`. A text of up to 116 bytes is copied, a longer
    /// one that is an `Arc<str>` already is shared.
    #[must_use]
    pub fn new(key: impl Into<Arc<str>>, text: impl AsRef<str> + Into<Arc<str>>) -> Self {
        Self {
            key: key.into(),
            id: None,
            text: Text::of(text),
            lane: None,
            authority: None,
            details: None,
            mode: None,
            priority: Priority::Normal,
        }
    }

    /// A message whose session is that of its source: `session.dm_scope` and the identity links
    /// decide.
    #[must_use]
    pub fn from_source(source: Source, text: impl AsRef<str> + Into<Arc<str>>) -> Self {
        Self::new("", text).with_source(source)
    }

    pub(crate) fn details_mut(&mut self) -> &mut Details {
        Arc::make_mut(self.details.get_or_insert_default())
    }

    /// The idempotency key; made up when absent.
    #[must_use]
    pub fn with_id(mut self, id: impl Into<Arc<str>>) -> Self {
        self.id = Some(id.into());
        self
    }

    /// The mode. Default: the session's, else that of the configuration (`collect`).
    #[must_use]
    pub fn with_mode(mut self, mode: Mode) -> Self {
        self.mode = Some(mode);
        self
    }

    /// The lane by name. Default: `main`.
    #[must_use]
    pub fn with_lane(mut self, lane: impl Into<Arc<str>>) -> Self {
        self.lane = Some(lane.into());
        self
    }

    /// The priority within its lane. Default: normal.
    #[must_use]
    pub fn with_priority(mut self, priority: Priority) -> Self {
        self.priority = priority;
        self
    }

    /// On whose authority it acts. Only equal authorities merge, steer and interrupt. Default: "".
    #[must_use]
    pub fn with_authority(mut self, authority: impl Into<Arc<str>>) -> Self {
        self.authority = Some(authority.into()).filter(|a: &Arc<str>| !a.is_empty());
        self
    }

    /// Where it comes from: its route. Default: none.
    #[must_use]
    pub fn with_source(mut self, source: Source) -> Self {
        self.details_mut().source = Some(source);
        self
    }

    /// Who wrote it, for the merged text and the agent.
    #[must_use]
    pub fn with_sender(mut self, sender: impl Into<Box<str>>) -> Self {
        self.details_mut().sender = Some(sender.into());
        self
    }

    /// Any JSON for the agent; the text may then be empty.
    #[must_use]
    pub fn with_payload(mut self, json: impl Into<Box<str>>) -> Self {
        self.details_mut().payload = Some(json.into());
        self
    }

    /// Any JSON that is echoed on the reply.
    #[must_use]
    pub fn with_meta(mut self, json: impl Into<Box<str>>) -> Self {
        self.details_mut().meta = Some(json.into());
        self
    }

    /// A JSON list of attachments, opaque to the engine.
    #[must_use]
    pub fn with_media(mut self, json: impl Into<Box<str>>) -> Self {
        self.details_mut().media = Some(json.into());
        self
    }

    /// Mode `steer-backlog`: the text of the later turn, if it differs from that of the steer.
    #[must_use]
    pub fn with_backlog(mut self, text: impl Into<Box<str>>) -> Self {
        self.details_mut().backlog = Some(text.into());
        self
    }

    /// How long it may wait for its first start or its delivery. Range: 1 ms to 30 days.
    /// Default: `queue.ttl`, none.
    #[must_use]
    pub fn with_ttl(mut self, ttl: Duration) -> Self {
        self.details_mut().ttl = Some(ttl);
        self
    }

    /// How long its run may take before it is stopped. Default: that of the lane, none.
    #[must_use]
    pub fn with_deadline(mut self, deadline: Duration) -> Self {
        self.details_mut().deadline = Some(deadline);
        self
    }

    /// How often its batch may run before it is given up. Range: 1 to 100. Default: 1.
    #[must_use]
    pub fn with_attempts(mut self, attempts: u32) -> Self {
        self.details_mut().attempts = Some(attempts);
        self
    }

    /// Refuse the message unless this run is the live one of the session.
    #[must_use]
    pub fn with_expect_run(mut self, run: RunId) -> Self {
        self.details_mut().expect_run = Some(run);
        self
    }

    /// Marks a message that was parked before and is tried anew.
    #[must_use]
    pub fn with_requeued_from(mut self, id: impl Into<Box<str>>) -> Self {
        self.details_mut().requeued_from = Some(id.into());
        self
    }

    /// Knobs for this message alone: they go before those of its session, channel and engine.
    #[must_use]
    pub fn with_knobs(mut self, knobs: Knobs) -> Self {
        self.details_mut().knobs = Some(knobs);
        self
    }

    /// Whether it is text and nothing else: no payload, no media, no second text.
    pub(crate) fn is_plain(&self) -> bool {
        let details = self.details();
        details.payload.is_none() && details.media.is_none() && details.backlog.is_none()
    }

    pub(crate) fn details(&self) -> &Details {
        self.details.as_deref().unwrap_or(NOTHING)
    }

    /// The session key.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The id that came with it.
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// The text, which may be empty if there is a payload.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The mode it asked for.
    #[must_use]
    pub fn mode(&self) -> Option<Mode> {
        self.mode
    }

    /// The lane it named.
    #[must_use]
    pub fn lane(&self) -> Option<&str> {
        self.lane.as_deref()
    }

    /// Its priority.
    #[must_use]
    pub fn priority(&self) -> Priority {
        self.priority
    }

    /// Its authority; "" when none was given.
    #[must_use]
    pub fn authority(&self) -> &str {
        self.authority.as_deref().unwrap_or("")
    }

    /// Where it comes from.
    #[must_use]
    pub fn source(&self) -> Option<&Source> {
        self.details().source.as_ref()
    }

    /// Who wrote it.
    #[must_use]
    pub fn sender(&self) -> Option<&str> {
        self.details().sender.as_deref()
    }

    /// The host's JSON for the agent.
    #[must_use]
    pub fn payload(&self) -> Option<&str> {
        self.details().payload.as_deref()
    }

    /// The host's JSON for the reply.
    #[must_use]
    pub fn meta(&self) -> Option<&str> {
        self.details().meta.as_deref()
    }

    /// The host's list of attachments, as JSON.
    #[must_use]
    pub fn media(&self) -> Option<&str> {
        self.details().media.as_deref()
    }

    /// The separate text of a steer-backlog's later turn.
    #[must_use]
    pub fn backlog(&self) -> Option<&str> {
        self.details().backlog.as_deref()
    }

    /// The parked message that this one tries anew.
    #[must_use]
    pub fn requeued_from(&self) -> Option<&str> {
        self.details().requeued_from.as_deref()
    }

    /// How long it may wait, if it says so itself.
    #[must_use]
    pub fn ttl(&self) -> Option<Duration> {
        self.details().ttl
    }

    /// How long its run may take, if it says so itself.
    #[must_use]
    pub fn deadline(&self) -> Option<Duration> {
        self.details().deadline
    }

    /// Runs that it has at most, if it says so itself.
    #[must_use]
    pub fn attempts(&self) -> Option<u32> {
        self.details().attempts
    }

    /// Bytes of host data that wait with it: everything whose length the host chooses, but for key
    /// and id, which have bounds of their own. P9.
    pub(crate) fn bytes(&self) -> usize {
        let long = |part: &Option<Box<str>>| part.as_ref().map_or(0, |p| p.len());
        let own = self.text.len() + self.authority().len();
        let Some(details) = self.details.as_deref() else { return own };
        let parts = [
            &details.backlog,
            &details.payload,
            &details.media,
            &details.meta,
            &details.sender,
            &details.requeued_from,
        ];
        let source = details.source.as_ref().map_or(0, Source::bytes);
        own + source + parts.into_iter().map(long).sum::<usize>()
    }
}

/// Shows sizes, never text: messages must not leak into logs.
impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Message")
            .field("key", &self.key)
            .field("id", &self.id)
            .field("bytes", &self.bytes())
            .field("mode", &self.mode)
            .finish_non_exhaustive()
    }
}

/// What a handler answers. Cheap to clone: the text is shared.
#[derive(Clone, PartialEq, Eq)]
pub struct Reply(Arc<str>);

impl Reply {
    /// A reply with this text.
    #[must_use]
    pub fn new(text: impl Into<Arc<str>>) -> Self {
        Self(text.into())
    }

    /// The text.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.0
    }
}

impl From<String> for Reply {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

impl From<&str> for Reply {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Reply({} bytes)", self.0.len())
    }
}
