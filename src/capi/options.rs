//! What C points at: structs that may grow with the library, and places for answers.
//!
//! The first field of a struct that may grow is its size as the caller knows it. An older, shorter
//! one is read as if the rest were 0, and only its part is written; of a newer, longer one the rest
//! must be 0. So a program works with every library of its major number, or is told.

use std::ptr::NonNull;

use super::call::{Answer, Fault};
use super::status::LANEQ_E_STRUCT_SIZE;

/// No struct of ours grows beyond this: a `struct_size` of garbage is found here.
const MOST: usize = 4096;

/// A struct that begins with its `struct_size`.
///
/// # Safety
/// `#[repr(C)]`, the first field is `struct_size: usize`, and every field is an integer, a raw
/// pointer, an optional function or a struct of such: 0 bytes are a value.
pub(super) unsafe trait Grows: Copy {
    /// Its size in the first version of the header, below which nothing is right.
    const FIRST: usize;
    const NAME: &'static str;

    fn zeroed() -> Self {
        // SAFETY: 0 bytes are a value, says the trait.
        unsafe { std::mem::zeroed() }
    }
}

fn wrong(name: &str, size: usize, right: usize) -> Fault {
    let text = format!("{name}.struct_size is {size}: set it to sizeof({name}), here {right}");
    Fault::new(LANEQ_E_STRUCT_SIZE, text)
}

/// # Safety
/// `at` has at least the size that it tells.
unsafe fn size_of<T: Grows>(at: NonNull<T>) -> Answer<usize> {
    // SAFETY: as promised above; the size is its first field.
    let size = unsafe { at.cast::<usize>().read_unaligned() };
    if !(T::FIRST..=MOST).contains(&size) {
        return Err(wrong(T::NAME, size, size_of_val_of::<T>()));
    }
    Ok(size)
}

const fn size_of_val_of<T>() -> usize {
    std::mem::size_of::<T>()
}

/// Reads a struct of the caller's; NULL is none.
///
/// # Safety
/// `from` is NULL, or has as many bytes as its `struct_size` tells.
pub(super) unsafe fn read<T: Grows>(from: *const T) -> Answer<Option<T>> {
    let Some(from) = NonNull::new(from.cast_mut()) else { return Ok(None) };
    let ours = size_of_val_of::<T>();
    // SAFETY: as promised above.
    let size = unsafe { size_of(from) }?;
    let mut value = T::zeroed();
    // SAFETY: both have this many bytes, and any bytes are a value, says the trait.
    unsafe {
        let to = (&raw mut value).cast::<u8>();
        to.copy_from_nonoverlapping(from.cast::<u8>().as_ptr(), size.min(ours));
    }
    for at in ours..size {
        // SAFETY: the caller's struct has `size` bytes.
        let byte = unsafe { from.cast::<u8>().add(at).read() };
        if byte != 0 {
            let text = format!(
                "byte {at} of {} is set, and this library knows {ours} bytes of it: it is older \
                 than the header",
                T::NAME
            );
            return Err(Fault::new(LANEQ_E_STRUCT_SIZE, text));
        }
    }
    Ok(Some(value))
}

/// A place for an answer, found good before anything is done.
pub(super) struct Out<T>(NonNull<T>);

impl<T: Copy> Out<T> {
    /// # Safety
    /// `at` is NULL, or the caller's place for a `T` for the time of the call.
    pub(super) unsafe fn given(at: *mut T) -> Option<Self> {
        NonNull::new(at).map(Self)
    }

    /// # Safety
    /// As [`given`](Self::given).
    pub(super) unsafe fn needed(at: *mut T, what: &str) -> Answer<Self> {
        // SAFETY: as promised above.
        unsafe { Self::given(at) }.ok_or_else(|| Fault::null(what))
    }

    pub(super) fn set(&self, value: T) {
        // SAFETY: a place for a `T`, as whoever made this promised.
        unsafe { self.0.write_unaligned(value) }
    }
}

/// Sets what may be absent.
pub(super) fn set<T: Copy>(out: Option<&Out<T>>, value: T) {
    if let Some(out) = out {
        out.set(value);
    }
}

/// A place for a struct that may grow: as much of it is written as the caller knows.
pub(super) struct OutStruct<T> {
    at: NonNull<T>,
    size: usize,
}

impl<T: Grows> OutStruct<T> {
    /// # Safety
    /// `at` is NULL, or the caller's for the time of the call, with as many bytes as it tells.
    pub(super) unsafe fn given(at: *mut T) -> Answer<Option<Self>> {
        let Some(at) = NonNull::new(at) else { return Ok(None) };
        // SAFETY: as promised above.
        let size = unsafe { size_of(at) }?;
        Ok(Some(Self { at, size }))
    }

    /// # Safety
    /// As [`given`](Self::given).
    pub(super) unsafe fn needed(at: *mut T, what: &str) -> Answer<Self> {
        // SAFETY: as promised above.
        unsafe { Self::given(at) }?.ok_or_else(|| Fault::null(what))
    }

    /// Writes all but the size.
    pub(super) fn set(&self, value: &T) {
        let head = size_of_val_of::<usize>();
        let known = self.size.min(size_of_val_of::<T>());
        // SAFETY: both have `known` bytes, as whoever made this promised.
        unsafe {
            let from = std::ptr::from_ref(value).cast::<u8>().add(head);
            self.at.cast::<u8>().as_ptr().add(head).copy_from_nonoverlapping(from, known - head);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[repr(C)]
    #[derive(Clone, Copy, Debug, PartialEq)]
    struct Old {
        struct_size: usize,
        a: u64,
    }

    #[repr(C)]
    #[derive(Clone, Copy, Debug, PartialEq)]
    struct New {
        struct_size: usize,
        a: u64,
        b: u64,
    }

    // SAFETY: integers, the size first.
    unsafe impl Grows for Old {
        const FIRST: usize = 16;
        const NAME: &'static str = "old";
    }

    // SAFETY: integers, the size first.
    unsafe impl Grows for New {
        const FIRST: usize = 16;
        const NAME: &'static str = "new";
    }

    #[test]
    fn an_older_header_is_read_as_if_the_rest_were_0() {
        let old = Old { struct_size: 16, a: 5 };
        // SAFETY: it is ours, and tells its size.
        let read = unsafe { read((&raw const old).cast::<New>()) };
        assert_eq!(read.expect("known"), Some(New { struct_size: 16, a: 5, b: 0 }));
    }

    #[test]
    fn a_newer_header_is_read_as_long_as_it_asks_for_nothing_new() {
        let mut new = New { struct_size: 24, a: 5, b: 0 };
        // SAFETY: it is ours, and tells its size.
        let answer = unsafe { read((&raw const new).cast::<Old>()) };
        assert_eq!(answer.expect("known"), Some(Old { struct_size: 24, a: 5 }));
        new.b = 1;
        // SAFETY: as above.
        let answer = unsafe { read((&raw const new).cast::<Old>()) };
        assert!(answer.is_err_and(|fault| format!("{fault:?}").contains("byte 16 of old")));
    }

    #[test]
    fn a_size_of_garbage_is_refused_and_nothing_beyond_the_callers_part_is_written() {
        for size in [0, 8, 15, MOST + 1, usize::MAX] {
            let mut new = New { struct_size: size, a: 5, b: 6 };
            // SAFETY: only the size is read.
            assert!(unsafe { read(&raw const new) }.is_err());
            // SAFETY: only the size is read.
            assert!(unsafe { OutStruct::given(&raw mut new) }.is_err());
        }
        let mut new = New { struct_size: 16, a: 5, b: 6 };
        // SAFETY: it is ours.
        let out = unsafe { OutStruct::needed(&raw mut new, "new") }.expect("known");
        out.set(&New { struct_size: 0, a: 7, b: 8 });
        assert_eq!(new, New { struct_size: 16, a: 7, b: 6 });
    }
}
