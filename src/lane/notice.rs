//! What a port tells, and what of it nobody has read yet.

use std::collections::VecDeque;

use super::OwnedRun;
use crate::model::{Cause, RunId};

/// Something that an event loop needs to hear.
#[derive(Debug)]
#[non_exhaustive]
pub enum Notice {
    /// A run that is the host's to execute: it holds its slot until it is completed.
    Ready(OwnedRun),
    /// A steer waits at the next boundary of this run.
    Steer(RunId),
    /// This run is stopped.
    Stop(RunId, Cause),
    /// The receipt that is watched under this tag has its fate.
    Settled(u64),
    /// The message that was submitted under this tag is in the journal.
    Journaled(u64),
    /// Every wait that this run has begun is over, and it has its slot again. Not told once another
    /// wait has begun: then it is told when that one is over.
    Waited(RunId),
    /// The engine is closed, and no run of this port is left; or the port itself was left. It stays
    /// so: asked again, the port says it again.
    Closed,
}

/// A notice about a run in the host's hands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum About {
    Steer,
    Stop(Cause),
    Waited,
}

/// A notice that only carries the host's tag.
pub(crate) type Tagged = fn(u64) -> Notice;

/// What was told and not read, oldest first; runs before tags.
#[derive(Default)]
pub(super) struct Unread {
    /// P9: at most one of each kind a run.
    runs: VecDeque<(RunId, About)>,
    /// P9: at most one for each `watch`, and those are counted.
    tags: VecDeque<(Tagged, u64)>,
}

impl Unread {
    pub(super) fn is_empty(&self) -> bool {
        self.runs.is_empty() && self.tags.is_empty()
    }

    /// Runs in the host's hands are few, so that looking through their notices is quick.
    pub(super) fn about(&mut self, run: RunId, about: About) {
        let kind = std::mem::discriminant(&about);
        let said = |(r, a): &(RunId, About)| *r == run && std::mem::discriminant(a) == kind;
        if !self.runs.iter().any(said) {
            self.runs.push_back((run, about));
        }
    }

    pub(super) fn tag(&mut self, tagged: Tagged, tag: u64) {
        self.tags.push_back((tagged, tag));
    }

    /// It is so no longer; answers whether it was unread.
    pub(super) fn take_back(&mut self, run: RunId, about: About) -> bool {
        let before = self.runs.len();
        self.runs.retain(|said| *said != (run, about));
        self.runs.len() < before
    }

    /// The run has ended: nobody needs to hear of it.
    pub(super) fn forget(&mut self, run: RunId) {
        self.runs.retain(|(r, _)| *r != run);
    }

    pub(super) fn about_run(&mut self) -> Option<Notice> {
        self.runs.pop_front().map(|(run, about)| match about {
            About::Steer => Notice::Steer(run),
            About::Stop(cause) => Notice::Stop(run, cause),
            About::Waited => Notice::Waited(run),
        })
    }

    pub(super) fn tagged(&mut self) -> Option<Notice> {
        self.tags.pop_front().map(|(tagged, tag)| tagged(tag))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(unread: &mut Unread) -> Vec<String> {
        let mut said = Vec::new();
        while let Some(notice) = unread.about_run().or_else(|| unread.tagged()) {
            said.push(format!("{notice:?}"));
        }
        said
    }

    #[test]
    fn p9_of_one_kind_a_run_has_at_most_one_notice_unread() {
        let (mut unread, run) = (Unread::default(), RunId::new(1));
        unread.tag(Notice::Settled, 7);
        unread.about(run, About::Steer);
        unread.about(run, About::Steer);
        unread.about(run, About::Stop(Cause::Stop));
        unread.about(run, About::Stop(Cause::Abandon));
        let said = ["Steer(run 1)", "Stop(run 1, Stop)", "Settled(7)"];
        assert_eq!(all(&mut unread), said, "the first cause, and runs before tags");
    }

    #[test]
    fn a_run_that_has_ended_leaves_no_notice_behind() {
        let mut unread = Unread::default();
        unread.about(RunId::new(1), About::Steer);
        unread.about(RunId::new(2), About::Waited);
        unread.forget(RunId::new(1));
        assert_eq!(all(&mut unread), ["Waited(run 2)"]);
    }
}
