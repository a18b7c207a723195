//! Without the feature `journal` nothing comes back; settings that name one are refused.

use std::convert::Infallible;
use std::time::Instant;

use super::core::Core;
use crate::config::Config;
use crate::model::Error;
use crate::session::Jots;
use crate::time::Clock;

pub(super) type Own = Infallible;
pub(super) enum Recovery {}

pub(super) fn open(
    _: Option<Own>,
    config: &Config,
    _: &Clock,
) -> Result<(Option<Recovery>, Option<Jots>), Error> {
    match config.journal.path {
        None => Ok((None, None)),
        Some(_) => Err(Error::invalid(
            "journal.path is set, but this build has no journal: build with the feature `journal`",
        )),
    }
}

impl Core {
    #[allow(clippy::unused_self, reason = "with a journal it is used")]
    pub(super) fn recovered(&self) {}

    #[allow(clippy::unused_self, reason = "with a journal it is used")]
    pub(super) fn end_recovery(&self) {}

    #[allow(clippy::unused_self, reason = "with a journal it is used")]
    pub(super) fn recovery_over(&self, _: Option<Instant>) -> bool {
        true
    }

    #[allow(clippy::unused_self, reason = "with a journal it is used")]
    pub(super) fn is_recovered(&self) -> bool {
        true
    }
}
