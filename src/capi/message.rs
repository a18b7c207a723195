//! A message: one struct on the way in and on the way out.

use std::mem::offset_of;
use std::time::Duration;

use super::call::{Answer, Fault};
use super::engine::laneq_engine;
use super::numbers::{Number, number_or_none};
use super::options::{self, Grows, Out};
use super::status::LANEQ_REFUSED_INVALID;
use super::text::{laneq_str, laneq_text};
use super::{call, handle, status};
use crate::engine::Engine;
use crate::model::{Knobs, Message, RunId, Source};
use crate::run::Part;

/// Knobs of one message or of one session, before those of its channel and of the settings.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct laneq_knobs {
    /// `sizeof(laneq_knobs)`.
    pub struct_size: usize,
    /// Quiet window of collect, in ms, 0 to 10 min; only if `has_debounce`.
    pub debounce_ms: u64,
    /// Whether `debounce_ms` counts: 0 or 1.
    pub has_debounce: i32,
    /// `LANEQ_MODE_...`; 0 is the next level's.
    pub mode: i32,
    /// `LANEQ_DROP_...`; 0 is the next level's.
    pub drop: i32,
    /// Most waiting messages of the session, 1 to 100,000; 0 is the next level's.
    pub cap: u32,
}

// SAFETY: integers, the size first.
unsafe impl Grows for laneq_knobs {
    const FIRST: usize = offset_of!(Self, cap) + size_of::<u32>();
    const NAME: &'static str = "laneq_knobs";
}

/// A message. Zero it, set `struct_size`, then what is of interest: a key or a source, and a text
/// or a payload. The library copies it; what it writes into one belongs to the handle that the
/// message was read from.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct laneq_message {
    /// `sizeof(laneq_message)`.
    pub struct_size: usize,
    /// The session key; NULL: made from the source.
    pub key: laneq_str,
    /// The idempotency key, 1 to 1,024 bytes; NULL: made up.
    pub id: laneq_str,
    /// The text.
    pub text: laneq_str,
    /// Any JSON for the agent.
    pub payload: laneq_str,
    /// Any JSON, echoed on the reply.
    pub meta: laneq_str,
    /// A JSON list of attachments.
    pub media: laneq_str,
    /// Who wrote it.
    pub sender: laneq_str,
    /// On whose authority it acts: only equal ones merge, steer and interrupt.
    pub authority: laneq_str,
    /// Mode steer-backlog: the text of the later turn, if it differs.
    pub backlog: laneq_str,
    /// The lane by name; NULL: `main`, or that of the source.
    pub lane: laneq_str,
    /// The id of the parked message that this one tries anew.
    pub requeued_from: laneq_str,
    /// Source: the service, `discord` or `irc`.
    pub channel: laneq_str,
    /// Source: which of the host's accounts there.
    pub account: laneq_str,
    /// Source: the person.
    pub peer: laneq_str,
    /// Source: the group or channel.
    pub group: laneq_str,
    /// Source: the thread within it.
    pub thread: laneq_str,
    /// Source: the agent that is addressed.
    pub agent: laneq_str,
    /// Source: the id of a sub-agent, cron job, hook or node.
    pub source_id: laneq_str,
    /// Source: `LANEQ_KIND_...`; 0 is direct, or no source if all its strings are NULL or empty.
    pub kind: i32,
    /// `LANEQ_MODE_...`; 0: the session's, else that of the settings.
    pub mode: i32,
    /// `LANEQ_PRIORITY_...`; 0: normal.
    pub priority: i32,
    /// How often its batch may run, 1 to 100; 0: `queue.attempts`.
    pub attempts: u32,
    /// How long it may wait, 1 ms to 30 days; 0: `queue.ttl`.
    pub ttl_ms: u64,
    /// How long its run may take; 0: that of the lane.
    pub deadline_ms: u64,
    /// Refuse it unless this run is the live one of the session; 0: no matter.
    pub expect_run: u64,
    /// In: knobs for this message alone; NULL: none. Out: NULL.
    pub knobs: *const laneq_knobs,
    /// Out: 1 if its steer half was delivered to an earlier run. In: no matter.
    pub seen: i32,
    /// 0.
    pub reserved: i32,
}

// SAFETY: integers, strings and a pointer, the size first.
unsafe impl Grows for laneq_message {
    const FIRST: usize = offset_of!(Self, reserved) + size_of::<i32>();
    const NAME: &'static str = "laneq_message";
}

/// # Safety
/// As [`options::read`].
pub(super) unsafe fn knobs(from: *const laneq_knobs) -> Answer<Option<Knobs>> {
    // SAFETY: as promised above.
    let Some(knobs) = (unsafe { options::read(from) })? else { return Ok(None) };
    let debounce = match knobs.has_debounce {
        0 => None,
        1 => Some(Duration::from_millis(knobs.debounce_ms)),
        other => return Err(super::numbers::unknown("has_debounce (0 or 1)", other.into())),
    };
    Ok(Some(Knobs {
        mode: Number::read_or_none(knobs.mode)?,
        debounce,
        cap: Some(knobs.cap).filter(|cap| *cap > 0),
        drop: Number::read_or_none(knobs.drop)?,
    }))
}

/// Calls `with` if there is a value. Inlined, since a message is moved by each `with` otherwise.
#[inline(always)]
#[allow(clippy::inline_always, reason = "measured: a tenth of a submit")]
fn given<T>(
    message: Message,
    value: Option<T>,
    with: impl FnOnce(Message, T) -> Message,
) -> Message {
    match value {
        Some(value) => with(message, value),
        None => message,
    }
}

/// Milliseconds; 0 is none.
fn millis(ms: u64) -> Option<Duration> {
    Some(Duration::from_millis(ms)).filter(|_| ms > 0)
}

/// JSON of the caller's: it goes into events as it is, so it must be right.
fn json<'a>(text: Option<&'a str>, what: &str) -> Answer<Option<&'a str>> {
    if let Some(text) = text
        && let Err(error) = serde_json::from_str::<serde::de::IgnoredAny>(text)
    {
        return Err(Fault::new(LANEQ_REFUSED_INVALID, format!("{what} is not JSON: {error}")));
    }
    Ok(text)
}

/// # Safety
/// The strings are the caller's.
unsafe fn source(message: &laneq_message) -> Answer<Option<Source>> {
    let words = [message.channel, message.account, message.peer, message.group];
    let more = [message.thread, message.agent, message.source_id];
    let is_none = |text: &laneq_str| text.data.is_null() && text.len == 0;
    if message.kind == 0 && words.iter().chain(&more).all(is_none) {
        return Ok(None);
    }
    let word = |text: laneq_str, what: &str| -> Answer<String> {
        // SAFETY: as promised above.
        Ok(unsafe { text.given(what) }?.unwrap_or_default().to_owned())
    };
    let source = Source {
        channel: word(message.channel, "channel")?,
        account: word(message.account, "account")?,
        kind: Number::read_or_none(message.kind)?.unwrap_or_default(),
        peer: word(message.peer, "peer")?,
        group: word(message.group, "group")?,
        thread: word(message.thread, "thread")?,
        agent: word(message.agent, "agent")?,
        id: word(message.source_id, "source_id")?,
    };
    Ok(Some(source).filter(|source| message.kind != 0 || *source != Source::default()))
}

/// Reads a message of the caller's.
///
/// # Safety
/// As [`options::read`]; the strings and knobs in it are the caller's too.
pub(super) unsafe fn read(from: *const laneq_message) -> Answer<Message> {
    // SAFETY: as promised above.
    let from = unsafe { options::read(from) }?.ok_or_else(|| Fault::null("message"))?;
    // SAFETY: as promised above, for everything in it.
    unsafe {
        let text = from.text.given("text")?.unwrap_or_default();
        let (key, source) = (from.key.given("key")?, source(&from)?);
        if key.is_none() && source.is_none() {
            return Err(Fault::new(LANEQ_REFUSED_INVALID, "neither key nor source: give one"));
        }
        let media = json(from.media.given("media")?, "media")?;
        if media.is_some_and(|media| !media.trim_start().starts_with('[')) {
            return Err(Fault::new(LANEQ_REFUSED_INVALID, "media is a JSON list of attachments"));
        }
        let message = Message::new(key.unwrap_or_default(), text);
        let message = given(message, source, Message::with_source);
        let message = given(message, from.id.given("id")?, Message::with_id);
        let payload = json(from.payload.given("payload")?, "payload")?;
        let message = given(message, payload, Message::with_payload);
        let message = given(message, json(from.meta.given("meta")?, "meta")?, Message::with_meta);
        let message = given(message, media, Message::with_media);
        let message = given(message, from.sender.given("sender")?, Message::with_sender);
        let message = given(message, from.authority.given("authority")?, Message::with_authority);
        let message = given(message, from.backlog.given("backlog")?, Message::with_backlog);
        let message = given(message, from.lane.given("lane")?, Message::with_lane);
        let again = from.requeued_from.given("requeued_from")?;
        let message = given(message, again, Message::with_requeued_from);
        let message = given(message, knobs(from.knobs)?, Message::with_knobs);
        numbers(message, &from)
    }
}

#[inline]
fn numbers(message: Message, from: &laneq_message) -> Answer<Message> {
    let message = given(message, Number::read_or_none(from.mode)?, Message::with_mode);
    let message = given(message, Number::read_or_none(from.priority)?, Message::with_priority);
    let attempts = Some(from.attempts).filter(|attempts| *attempts > 0);
    let message = given(message, attempts, Message::with_attempts);
    let message = given(message, millis(from.ttl_ms), Message::with_ttl);
    let message = given(message, millis(from.deadline_ms), Message::with_deadline);
    let expect = Some(RunId::new(from.expect_run)).filter(|_| from.expect_run > 0);
    Ok(given(message, expect, Message::with_expect_run))
}

/// What C is given to read of a message: the strings are those of `message` and of `id`.
pub(super) fn view(message: &Message, id: Option<&str>) -> laneq_message {
    let mut view = laneq_message::zeroed();
    view.key = laneq_str::of(message.key());
    view.id = laneq_str::of_option(id);
    view.text = laneq_str::of(message.text());
    view.payload = laneq_str::of_option(message.payload());
    view.meta = laneq_str::of_option(message.meta());
    view.media = laneq_str::of_option(message.media());
    view.sender = laneq_str::of_option(message.sender());
    view.authority = laneq_str::of(message.authority());
    view.backlog = laneq_str::of_option(message.backlog());
    view.lane = laneq_str::of_option(message.lane());
    view.requeued_from = laneq_str::of_option(message.requeued_from());
    if let Some(source) = message.source() {
        view.channel = laneq_str::of(&source.channel);
        view.account = laneq_str::of(&source.account);
        view.peer = laneq_str::of(&source.peer);
        view.group = laneq_str::of(&source.group);
        view.thread = laneq_str::of(&source.thread);
        view.agent = laneq_str::of(&source.agent);
        view.source_id = laneq_str::of(&source.id);
        view.kind = source.kind.number();
    }
    view.mode = number_or_none(message.mode());
    view.priority = message.priority().number();
    let ms = |time: Option<Duration>| {
        time.map_or(0, |time| u64::try_from(time.as_millis()).unwrap_or(u64::MAX))
    };
    let details = message.details();
    view.attempts = details.attempts.unwrap_or(0);
    (view.ttl_ms, view.deadline_ms) = (ms(details.ttl), ms(details.deadline));
    view.expect_run = details.expect_run.map_or(0, RunId::get);
    view
}

/// The words of one message of a batch, or of a steer, that the message itself does not keep.
pub(super) struct Words {
    id: String,
    text: String,
    seen: bool,
}

impl Words {
    pub(super) fn of(part: Part<'_>) -> Self {
        let (id, text) = (part.id().to_string(), part.text().into_owned());
        Self { id, text, seen: part.seen() }
    }

    /// What C is given to read: the strings are those of `message` and of these words.
    pub(super) fn view(&self, message: &Message) -> laneq_message {
        let mut view = view(message, Some(&self.id));
        view.text = laneq_str::of(&self.text);
        view.seen = self.seen.into();
        view
    }
}

/// The session key of a message: its own, or the one that its source makes.
///
/// Blocks: never. In a handler: yes. Owner: the text is the caller's, to be freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn laneq_engine_key_of(
    engine: laneq_engine,
    message: *const laneq_message,
    key: *mut laneq_text,
    error: *mut call::laneq_error,
) -> status::laneq_status {
    // SAFETY: the pointers are the caller's, as the head of laneq.h asks.
    unsafe {
        call::entry(error, || {
            let out = Out::needed(key, "key")?;
            let engine = handle::get::<Engine>(engine)?;
            out.set(handle::put(engine.key_of(&read(message)?)?)?);
            Ok(())
        })
    }
}
