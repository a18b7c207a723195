//! What comes in, before its session sees it.

mod dedupe;

pub(crate) use dedupe::{Claim, Dedupe, Entered};
