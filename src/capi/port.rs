//! Ports: for hosts with threads, or an event loop, of their own.

use std::ffi::{c_char, c_void};

use super::admission::{Awaited, laneq_admission};
use super::call::{Fault, entry, laneq_error};
use super::engine::laneq_engine;
use super::handle;
use super::handler::{abilities, laneq_handler_options};
use super::options::Out;
use super::receipt::{Kept, laneq_receipt};
use super::status::laneq_status;
use super::text;
use super::user::{User, laneq_destroy_fn};
use crate::engine::{Engine, Port};
use crate::sync::Arc;

/// Where the host's threads take runs, and hear all else that an event loop needs to hear: one wait
/// for everything. Free it with `laneq_port_free`. It does not keep the engine open.
pub type laneq_port = u64;

/// Opens a port, without lanes.
///
/// Blocks: never. In a handler: yes. Owner: the port is the caller's, to be freed; what was handed
/// over to the engine's handlers (`user`) ends after the last of its ports, too.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn laneq_port_open(
    engine: laneq_engine,
    port: *mut laneq_port,
    error: *mut laneq_error,
) -> laneq_status {
    // SAFETY: the pointers are the caller's, as the head of laneq.h asks.
    unsafe {
        entry(error, || {
            let out = Out::needed(port, "port")?;
            let port = handle::get::<Engine>(engine)?.port()?;
            out.set(handle::put(port)?);
            Ok(())
        })
    }
}

/// Binds a lane: its runs are this port's to take, and it has no workers any more. A lane has one
/// port or a handler, else `LANEQ_E_INVALID`. `options` NULL is the defaults.
///
/// Blocks: never. In a handler: yes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn laneq_port_bind(
    port: laneq_port,
    lane: *const c_char,
    lane_len: usize,
    options: *const laneq_handler_options,
    error: *mut laneq_error,
) -> laneq_status {
    // SAFETY: the pointers are the caller's, as the head of laneq.h asks.
    unsafe {
        entry(error, || {
            let (lane, options) = (text::needed(lane, lane_len, "lane")?, abilities(options)?);
            Ok(handle::get::<Port>(port)?.bind_with(lane, options)?)
        })
    }
}

/// Binds every lane that has no handler or port of its own, now or later.
///
/// Blocks: never. In a handler: yes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn laneq_port_bind_any(
    port: laneq_port,
    options: *const laneq_handler_options,
    error: *mut laneq_error,
) -> laneq_status {
    // SAFETY: the pointers are the caller's, as the head of laneq.h asks.
    unsafe {
        entry(error, || {
            let options = abilities(options)?;
            Ok(handle::get::<Port>(port)?.bind_any(options)?)
        })
    }
}

/// Has `LANEQ_NOTICE_SETTLED` told under this tag, once, when the receipt has its fate; at once if
/// it has. `LANEQ_E_FULL` while `limits.max_pending` watches of this port have not been read. The
/// receipt may be freed.
///
/// Blocks: never. In a handler: yes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn laneq_port_watch(
    port: laneq_port,
    receipt: laneq_receipt,
    tag: u64,
    error: *mut laneq_error,
) -> laneq_status {
    // SAFETY: the pointers are the caller's, as the head of laneq.h asks.
    unsafe {
        entry(error, || {
            let (port, kept) = (handle::get::<Port>(port)?, handle::get::<Arc<Kept>>(receipt)?);
            Ok(port.watch(&kept.receipt, tag)?)
        })
    }
}

/// Has `LANEQ_NOTICE_JOURNALED` told under this tag, once, when `laneq_admission_wait` has an
/// answer; at once if it has. One watch an admission: a later one replaces it.
/// `LANEQ_E_FULL` as for `laneq_port_watch`. The admission may be freed.
///
/// Blocks: never. In a handler: yes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn laneq_port_watch_admission(
    port: laneq_port,
    admission: laneq_admission,
    tag: u64,
    error: *mut laneq_error,
) -> laneq_status {
    // SAFETY: the pointers are the caller's, as the head of laneq.h asks.
    unsafe {
        entry(error, || {
            let port = handle::get::<Port>(port)?;
            let awaited = handle::get::<Arc<Awaited>>(admission)?;
            Ok(port.watch_admission(&awaited.admission, tag)?)
        })
    }
}

/// A descriptor that is readable exactly while something is unread, for `poll`, `epoll`, `kqueue`
/// and all that is built on them. It may be readable for something that has vanished meanwhile:
/// `laneq_port_next` with 0 finds nothing then, and it is not readable any more. Each call gives the
/// same. `LANEQ_E_SYSTEM` where there are none: `laneq_port_on_wake` serves there.
///
/// Blocks: never. In a handler: yes. Owner: the port, until it is freed and its runs have ended: do
/// not read from it, do not close it, and take it out of the loop before freeing the port.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn laneq_port_descriptor(
    port: laneq_port,
    descriptor: *mut i32,
    error: *mut laneq_error,
) -> laneq_status {
    // SAFETY: the pointers are the caller's, as the head of laneq.h asks.
    unsafe {
        entry(error, || {
            let out = Out::needed(descriptor, "descriptor")?;
            out.set(number(&handle::get::<Port>(port)?)?);
            Ok(())
        })
    }
}

#[cfg(unix)]
fn number(port: &Port) -> super::call::Answer<i32> {
    use std::os::fd::AsRawFd;
    Ok(port.descriptor()?.as_raw_fd())
}

#[cfg(not(unix))]
fn number(_: &Port) -> super::call::Answer<i32> {
    let text = "ports have no descriptor on this system: use laneq_port_on_wake";
    Err(Fault::new(super::status::LANEQ_E_SYSTEM, text))
}

/// Hears that a port has something unread. Called on any thread; it must not block.
pub type laneq_wake_fn = Option<unsafe extern "C-unwind" fn(user: *mut c_void)>;

/// Calls `wake` whenever the port goes from nothing unread to something unread; at once, on this
/// thread, if something is unread. Then ask `laneq_port_next` with 0 until there is nothing.
/// Replaces the function that was set before. A call of it that is on its way may still come, also
/// after `laneq_port_free`; `destroy` says when none will.
///
/// Blocks: never. In a handler: yes. Owner: `user` is the library's until it calls `destroy` (may
/// be NULL), which it does exactly once, also when this call fails.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn laneq_port_on_wake(
    port: laneq_port,
    wake: laneq_wake_fn,
    user: *mut c_void,
    destroy: laneq_destroy_fn,
    error: *mut laneq_error,
) -> laneq_status {
    let user = User::new(user, destroy);
    // SAFETY: the pointers are the caller's, as the head of laneq.h asks.
    unsafe {
        entry(error, move || {
            let wake = wake.ok_or_else(|| Fault::null("wake"))?;
            handle::get::<Port>(port)?.on_wake(move || wake(user.pointer()));
            Ok(())
        })
    }
}

/// Frees a port; 0 is fine. Its lanes are let go: what is there, and comes, waits until another
/// port binds them or a handler is set. Runs that were taken stay valid. Whoever waits in
/// `laneq_port_next` hears `LANEQ_NOTICE_CLOSED`.
///
/// Blocks: never. In a handler: yes.
#[unsafe(no_mangle)]
pub extern "C" fn laneq_port_free(port: laneq_port) -> laneq_status {
    let free = || match port {
        0 => Ok(()),
        handle => handle::take::<Port>(handle).map(|port| port.leave()),
    };
    // SAFETY: there is no error to write.
    unsafe { entry(std::ptr::null_mut(), free) }
}
