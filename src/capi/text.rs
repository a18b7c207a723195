//! Strings: pointer and length on the way in; on the way out they belong to a handle.

use std::ffi::c_char;
use std::ptr;
use std::slice;

use super::call::{Answer, Fault, entry, laneq_error};
use super::handle;
use super::options::Out;
use super::status::{LANEQ_E_TOO_LARGE, LANEQ_E_UTF8, laneq_status};
use crate::sync::Arc;

/// Most bytes of a string from C: no setting allows more, and a length of garbage is found here.
const MOST: usize = 1 << 30;

/// A string: UTF-8, without a NUL at its end. NULL is none. One that the library wrote belongs to
/// the handle that it was read from, and is valid until that is freed or, for a run, has ended.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct laneq_str {
    /// Its bytes.
    pub data: *const c_char,
    /// How many.
    pub len: usize,
}

/// A text of its own: a JSON document, say. Free it with `laneq_text_free`.
pub type laneq_text = u64;

impl laneq_str {
    pub(super) const NONE: Self = Self { data: ptr::null(), len: 0 };

    /// What C is given to read: `text` must live as long as the handle that it is read from.
    pub(super) fn of(text: &str) -> Self {
        // An empty string points nowhere; a host that checks pointers must not stumble over that.
        let data = if text.is_empty() { c"".as_ptr() } else { text.as_ptr().cast() };
        Self { data, len: text.len() }
    }

    pub(super) fn of_option(text: Option<&str>) -> Self {
        text.map_or(Self::NONE, Self::of)
    }

    /// # Safety
    /// As [`given`].
    pub(super) unsafe fn given<'a>(self, what: &str) -> Answer<Option<&'a str>> {
        // SAFETY: as promised above.
        unsafe { given(self.data, self.len, what) }
    }
}

/// A string of the caller's; NULL is none.
///
/// # Safety
/// `data` is NULL or has `len` bytes that stay as they are for the time of the call.
pub(super) unsafe fn given<'a>(
    data: *const c_char,
    len: usize,
    what: &str,
) -> Answer<Option<&'a str>> {
    if data.is_null() {
        return if len == 0 { Ok(None) } else { Err(Fault::null(what)) };
    }
    if len > MOST {
        let text = format!("{what} has {len} bytes: {MOST} is the most");
        return Err(Fault::new(LANEQ_E_TOO_LARGE, text));
    }
    // SAFETY: as promised above, and the length is no garbage.
    let bytes = unsafe { slice::from_raw_parts(data.cast::<u8>(), len) };
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let at = error.valid_up_to();
        Fault::new(LANEQ_E_UTF8, format!("{what} is not UTF-8: the byte at {at} is wrong"))
    })?;
    Ok(Some(text))
}

/// A string that must be there, if only empty.
///
/// # Safety
/// As [`given`].
pub(super) unsafe fn needed<'a>(data: *const c_char, len: usize, what: &str) -> Answer<&'a str> {
    // SAFETY: as promised above.
    unsafe { given(data, len, what) }?.ok_or_else(|| Fault::null(what))
}

/// Gives out a text.
pub(super) fn put(text: &str) -> Answer<laneq_text> {
    handle::put(Arc::<str>::from(text))
}

/// Reads a text.
///
/// Blocks: never. In a handler: yes. Owner: the string is the text's, valid until it is freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn laneq_text_get(
    text: laneq_text,
    out: *mut laneq_str,
    error: *mut laneq_error,
) -> laneq_status {
    // SAFETY: the pointers are the caller's, as the head of laneq.h asks.
    unsafe {
        entry(error, || {
            let out = Out::needed(out, "out")?;
            out.set(laneq_str::of(&handle::get::<Arc<str>>(text)?));
            Ok(())
        })
    }
}

/// Frees a text; 0 is fine.
///
/// Blocks: never. In a handler: yes.
#[unsafe(no_mangle)]
pub extern "C" fn laneq_text_free(text: laneq_text) -> laneq_status {
    free::<Arc<str>>(text)
}

/// What every `_free` does.
pub(super) fn free<T: handle::Kind>(handle: u64) -> laneq_status {
    // SAFETY: there is no error to write.
    unsafe { entry(ptr::null_mut(), || handle::free::<T>(handle)) }
}
