//! Without the feature `inline-closures`: the same slot with a box in it, and no `unsafe`.

use super::boxed::Boxed;

/// Code that is called at most once, or something shared.
pub(crate) struct Slot<A: 'static, T> {
    content: Content<A, T>,
}

enum Content<A: 'static, T> {
    Code(Boxed<A>),
    Shared(T),
}

impl<A, T> Slot<A, T> {
    /// Code to be called.
    #[inline]
    pub(crate) fn code(code: impl FnOnce(&A) + Send + 'static) -> Self {
        Self { content: Content::Code(Boxed::new(code)) }
    }

    /// Something shared.
    pub(crate) fn shared(value: T) -> Self {
        Self { content: Content::Shared(value) }
    }

    /// What is shared, if this is no code.
    #[inline]
    pub(crate) fn as_shared(&self) -> Option<&T> {
        match &self.content {
            Content::Shared(value) => Some(value),
            Content::Code(_) => None,
        }
    }

    /// What is shared, taken out; else the slot, which holds code.
    #[inline]
    pub(crate) fn into_shared(self) -> Result<T, Self> {
        match self.content {
            Content::Shared(value) => Ok(value),
            Content::Code(_) => Err(self),
        }
    }

    /// Calls the code; what it captured is gone afterwards, also if it panics.
    #[inline]
    pub(crate) fn call(self, with: &A) {
        match self.content {
            Content::Code(code) => code.call(with),
            Content::Shared(_) => unreachable!("what is shared is not called in its slot"),
        }
    }
}

/// There is no safe way to ask for a cache line.
pub(crate) fn prefetch<T>(_place: *const T) {}
