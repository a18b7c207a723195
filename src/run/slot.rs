//! Code in place: a closure of up to 32 bytes lives in the queue's entry, and needs no box.
//!
//! No crate does this for `FnOnce`, so it is ours, and the one file of the engine beside `capi`
//! that needs `unsafe`. `slot_off.rs` is the same without it. What is to be written into places
//! that another core had last is asked for early, also here: that needs an instruction by name.
//!
//! A slot is a room and its verbs. The verbs know the type of what is in the room; whoever made
//! the slot chose them. There are two kinds of content: code to be called with a `&A`, and a
//! shared value `T` (a closure with a receipt), which can be looked at.
#![allow(unsafe_code, reason = "types are erased here; each block says why it is sound")]

use std::marker::PhantomData;
use std::mem::{ManuallyDrop, MaybeUninit};

use super::boxed::Boxed;

/// 32 bytes, for what is aligned like a pointer or less.
type Room = MaybeUninit<[usize; 4]>;

/// What can be done with the content of a room.
struct Verbs<A> {
    /// Calls the code, which is gone afterwards, also if it panics.
    call: unsafe fn(*mut Room, &A),
    drop: unsafe fn(*mut Room),
    /// Whether the room holds a `T`, which is not called.
    shared: bool,
}

/// Code that is called at most once, or something shared.
///
/// The room first: the verbs are what tells an `Option` of a slot, or an entry's kind, and are read
/// by themselves. Behind a room of whole 16 bytes they leave its copies aligned; in front of it each
/// copy would overlap two of the one before, for which the processor stalls.
#[repr(C)]
pub(crate) struct Slot<A: 'static, T: 'static> {
    room: Room,
    verbs: &'static Verbs<A>,
    holds: PhantomData<T>,
}

// SAFETY: what is put into a room is `Send`: `code` and `shared` ask for it.
unsafe impl<A, T: Send> Send for Slot<A, T> {}

/// The verbs of each type of content.
struct Of<F>(PhantomData<F>);

impl<F> Of<F> {
    const FITS: bool = size_of::<F>() <= size_of::<Room>() && align_of::<F>() <= align_of::<Room>();

    /// # Safety
    /// The room holds an `F`, which is gone afterwards.
    unsafe fn drop(room: *mut Room) {
        // SAFETY: by the contract above; a room has the size and alignment that `put` checked.
        unsafe { room.cast::<F>().drop_in_place() }
    }

    /// # Safety
    /// As [`drop`](Self::drop).
    unsafe fn call<A>(room: *mut Room, with: &A)
    where
        F: FnOnce(&A),
    {
        // SAFETY: by the contract above. The code is moved out: if it panics, it is dropped here.
        let code = unsafe { room.cast::<F>().read() };
        code(with);
    }

    /// # Safety
    /// None: it is never called.
    unsafe fn no_call<A>(_: *mut Room, _: &A) {
        unreachable!("what is shared is not called in its slot");
    }
}

impl<A, T> Slot<A, T> {
    /// Code to be called: in place if it fits, else boxed.
    #[inline]
    pub(crate) fn code<F>(code: F) -> Self
    where
        F: FnOnce(&A) + Send + 'static,
    {
        if Of::<F>::FITS {
            Self::in_place(code)
        } else {
            let boxed = Boxed::new(code);
            Self::in_place(move |with: &A| boxed.call(with))
        }
    }

    #[inline]
    fn in_place<F>(code: F) -> Self
    where
        F: FnOnce(&A) + Send + 'static,
    {
        assert!(Of::<F>::FITS, "code that does not fit is boxed");
        let verbs =
            const { &Verbs { call: Of::<F>::call::<A>, drop: Of::<F>::drop, shared: false } };
        // SAFETY: it fits, and these are its verbs.
        unsafe { Self::put(code, verbs) }
    }

    /// Something shared, in place.
    pub(crate) fn shared(value: T) -> Self
    where
        T: Send,
    {
        const { assert!(Of::<T>::FITS, "a pointer fits into a slot") };
        let verbs =
            const { &Verbs { call: Of::<T>::no_call::<A>, drop: Of::<T>::drop, shared: true } };
        // SAFETY: it fits, and these are its verbs.
        unsafe { Self::put(value, verbs) }
    }

    /// # Safety
    /// An `F` fits into a room, and the verbs are an `F`'s.
    #[inline]
    unsafe fn put<F>(content: F, verbs: &'static Verbs<A>) -> Self {
        let mut room = Room::uninit();
        // SAFETY: by the contract above.
        unsafe { room.as_mut_ptr().cast::<F>().write(content) };
        Self { room, verbs, holds: PhantomData }
    }

    /// What is shared, if this is no code.
    #[inline]
    pub(crate) fn as_shared(&self) -> Option<&T> {
        // SAFETY: only `shared` sets the mark, and it has put a `T` there.
        self.verbs.shared.then(|| unsafe { &*self.room.as_ptr().cast::<T>() })
    }

    /// What is shared, taken out; else the slot, which holds code.
    #[inline]
    pub(crate) fn into_shared(self) -> Result<T, Self> {
        if !self.verbs.shared {
            return Err(self);
        }
        let slot = ManuallyDrop::new(self);
        // SAFETY: only `shared` sets the mark, and it has put a `T` there; the slot is not dropped
        // any more.
        Ok(unsafe { slot.room.as_ptr().cast::<T>().read() })
    }

    /// Calls the code; what it captured is gone afterwards, also if it panics.
    #[inline]
    pub(crate) fn call(self, with: &A) {
        let mut slot = ManuallyDrop::new(self);
        let call = slot.verbs.call;
        // SAFETY: the verbs are those of the content, and the slot is not dropped any more.
        unsafe { call(&raw mut slot.room, with) }
    }
}

/// Asks the processor for the cache line of a place that will be written soon, and goes on: a hint.
/// No address is wrong, and nothing is read or written.
#[inline(always)]
#[allow(clippy::inline_always, reason = "one instruction")]
pub(crate) fn prefetch<T>(place: *const T) {
    // A plain prefetch would bring a line that another core has written, and has to be asked for
    // once more when it is written here.
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    // SAFETY: it changes nothing that a program can see, and never faults. Old processors take it
    // for a `nop`.
    unsafe {
        std::arch::asm!("prefetchw [{}]", in(reg) place.addr(), options(nomem, nostack, preserves_flags));
    }
    #[cfg(any(not(target_arch = "x86_64"), miri))]
    let _ = place;
}

impl<A, T> Drop for Slot<A, T> {
    fn drop(&mut self) {
        // SAFETY: the verbs are those of the content, and nobody sees the slot after its drop.
        unsafe { (self.verbs.drop)(&raw mut self.room) }
    }
}
