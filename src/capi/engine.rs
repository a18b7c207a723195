//! The engine: settings, start, reload, the last goodbye.

use std::ffi::c_char;
use std::mem::offset_of;
use std::time::Duration;

use super::call::{Answer, Fault, entry, laneq_error};
use super::handle;
use super::numbers::unknown;
use super::options::{self, Grows, Out};
use super::status::laneq_status;
use super::text::{self, laneq_str, laneq_text};
use crate::config::Config;
use crate::engine::Engine;

/// An engine. Free it with `laneq_engine_free`.
pub type laneq_engine = u64;

/// The settings are TOML.
pub const LANEQ_FORMAT_TOML: i32 = 0;
/// The settings are JSON, with the keys and units of the TOML.
pub const LANEQ_FORMAT_JSON: i32 = 1;

/// The settings of an engine.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct laneq_config {
    /// `sizeof(laneq_config)`.
    pub struct_size: usize,
    /// The settings as text; NULL is the defaults. No file is read.
    pub text: laneq_str,
    /// How errors call the text: its file, say. NULL is `config`.
    pub name: laneq_str,
    /// `LANEQ_FORMAT_TOML` or `LANEQ_FORMAT_JSON`.
    pub format: i32,
    /// 0.
    pub reserved: i32,
}

// SAFETY: integers and strings, the size first.
unsafe impl Grows for laneq_config {
    const FIRST: usize = offset_of!(Self, reserved) + size_of::<i32>();
    const NAME: &'static str = "laneq_config";
}

/// # Safety
/// As [`options::read`].
unsafe fn settings(config: *const laneq_config) -> Answer<Config> {
    // SAFETY: as promised above.
    let Some(config) = (unsafe { options::read(config) })? else { return Ok(Config::default()) };
    // SAFETY: strings of the caller's.
    let (text, name) = unsafe { (config.text.given("text")?, config.name.given("name")?) };
    let (text, name) = (text.unwrap_or_default(), name.unwrap_or("config"));
    match config.format {
        LANEQ_FORMAT_TOML => Ok(Config::from_toml(text, name)?),
        LANEQ_FORMAT_JSON if text.is_empty() => Ok(Config::default()),
        LANEQ_FORMAT_JSON => Ok(Config::from_json(text, name)?),
        format => Err(unknown("format", format.into())),
    }
}

/// A time to wait, as C tells it: milliseconds, -1 for ever.
pub(super) fn timeout(ms: i64) -> Answer<Duration> {
    match u64::try_from(ms) {
        Ok(ms) => Ok(Duration::from_millis(ms)),
        Err(_) if ms == -1 => Ok(Duration::MAX),
        Err(_) => Err(unknown("timeout (milliseconds, or -1 for ever)", ms)),
    }
}

/// Starts an engine. `config` NULL is the defaults.
///
/// Blocks: never. In a handler: yes. Owner: the engine is the caller's, to be freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn laneq_engine_new(
    config: *const laneq_config,
    engine: *mut laneq_engine,
    error: *mut laneq_error,
) -> laneq_status {
    // SAFETY: the pointers are the caller's, as the head of laneq.h asks.
    unsafe {
        entry(error, || {
            let out = Out::needed(engine, "engine")?;
            out.set(handle::put(Engine::new(settings(config)?)?)?);
            Ok(())
        })
    }
}

/// What `laneq_engine_new` would say of these settings. Nothing starts.
///
/// Blocks: never. In a handler: yes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn laneq_config_check(
    config: *const laneq_config,
    error: *mut laneq_error,
) -> laneq_status {
    // SAFETY: the pointers are the caller's, as the head of laneq.h asks.
    unsafe { entry(error, || Ok(Engine::builder(settings(config)?).check()?)) }
}

/// Lets an engine go; 0 is fine. Begins a close if it was not closed, and does not wait for it:
/// what waits is returned, runs are told to stop, handlers may still be called back meanwhile.
///
/// Blocks: never. In a handler: yes.
#[unsafe(no_mangle)]
pub extern "C" fn laneq_engine_free(engine: laneq_engine) -> laneq_status {
    text::free::<Engine>(engine)
}

/// Replaces the settings of a running engine, whole or not at all; nothing queued is lost. `words`
/// (may be NULL) gets what changed, for a person.
///
/// Blocks: never on work. In a handler: yes. Owner: the text is the caller's, to be freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn laneq_engine_reload(
    engine: laneq_engine,
    config: *const laneq_config,
    words: *mut laneq_text,
    error: *mut laneq_error,
) -> laneq_status {
    // SAFETY: the pointers are the caller's, as the head of laneq.h asks.
    unsafe {
        entry(error, || {
            let engine = handle::get::<Engine>(engine)?;
            let reloaded = engine.reload(settings(config)?)?;
            if let Some(out) = Out::given(words) {
                out.set(text::put(&reloaded.to_string())?);
            }
            Ok(())
        })
    }
}

/// All figures at one moment, as a JSON object with the names of the event `stats`.
///
/// Blocks: never. In a handler: yes. Owner: the text is the caller's, to be freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn laneq_engine_stats(
    engine: laneq_engine,
    json: *mut laneq_text,
    error: *mut laneq_error,
) -> laneq_status {
    // SAFETY: the pointers are the caller's, as the head of laneq.h asks.
    unsafe {
        entry(error, || {
            let out = Out::needed(json, "json")?;
            let stats = handle::get::<Engine>(engine)?.stats();
            out.set(text::put(&stats.json().object())?);
            Ok(())
        })
    }
}

/// A session key from C, for calls that look it up: an empty one is none.
///
/// # Safety
/// As [`text::given`].
pub(super) unsafe fn key<'a>(data: *const c_char, len: usize) -> Answer<&'a str> {
    // SAFETY: as promised above.
    let key = unsafe { text::needed(data, len, "key") }?;
    if key.is_empty() { Err(Fault::invalid("the session key is empty")) } else { Ok(key) }
}
