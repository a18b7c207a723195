//! In place of transcripts where the feature `transcripts` is off: there are none.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::Told;
use crate::model::{Error, RunId};

/// Nobody has one.
pub(crate) enum Transcripts {}

impl Transcripts {
    pub(crate) fn open(dir: &Path) -> Result<Self, Error> {
        let text = "this build writes no transcripts: enable the feature `transcripts`";
        Err(Error::invalid(format!("transcripts.dir = {dir:?}: {text}")))
    }

    pub(crate) fn path(&self, _: &str) -> PathBuf {
        match *self {}
    }

    pub(crate) fn find(&self, _: &str) -> Option<PathBuf> {
        match *self {}
    }

    pub(crate) fn is_new(&self, _: &str) -> bool {
        match *self {}
    }

    pub(crate) fn write(&self, _: &str, _: RunId, _: SystemTime, _: &Told<'_>) -> Option<String> {
        match *self {}
    }
}
