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
        Err(Error::invalid(format!("transcripts.dir = \"{}\": {text}", dir.display())))
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

#[cfg(test)]
mod tests {
    #[test]
    fn a_folder_for_transcripts_is_an_error_that_names_the_feature() {
        let mut config = crate::Config::default();
        config.transcripts.dir = Some("t".into());
        let error = crate::Engine::new(config).err().expect("refused").to_string();
        assert!(error.starts_with("transcripts.dir = \"t\": this build"), "{error}");
        assert!(error.contains("feature `transcripts`"), "{error}");
    }
}
