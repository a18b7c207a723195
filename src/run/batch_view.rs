//! The batch, as a handler reads it.

use std::borrow::Cow;

use super::Run;
use crate::model::{Message, MessageId};
use crate::session::{Batch, Cell, turn_text};
use crate::sync::Arc;

/// The messages of a run's batch, oldest first; empty for a closure.
#[derive(Clone, Copy, Debug)]
pub struct BatchView<'run> {
    pub(super) run: &'run Run,
}

impl<'run> BatchView<'run> {
    fn cells(self) -> &'run [Arc<Cell>] {
        self.run.batch.as_ref().map_or(&[], |batch| batch.as_slice())
    }

    /// How many messages.
    #[must_use]
    pub fn len(self) -> usize {
        self.cells().len()
    }

    /// Whether the run is a closure's.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.cells().is_empty()
    }

    /// The messages, oldest first.
    #[must_use]
    pub fn messages(self) -> impl ExactSizeIterator<Item = Part<'run>> {
        self.cells().iter().map(|cell| Part { cell, role: Role::Turn })
    }

    /// All texts as one: the bare text of one message, or several, numbered and fenced; with the
    /// lines about messages that were dropped. The host's renderer can replace it. It is the run's:
    /// whoever wants it for longer makes a copy.
    #[must_use]
    pub fn text(self) -> &'run str {
        self.run.merged_text()
    }

    /// How many messages the lines about dropped ones speak of.
    #[must_use]
    pub fn summary_of(self) -> u32 {
        self.run.batch.as_ref().map_or(0, Batch::summary_of)
    }

    /// The lines about dropped messages, oldest first, at most 160 characters each.
    pub fn summary(self) -> impl Iterator<Item = &'run str> {
        let lines = self.run.batch.as_ref().and_then(|batch| batch.summary());
        lines.into_iter().flat_map(|lines| lines.lines.iter().map(|line| &**line))
    }

    /// The ids, in order.
    #[must_use]
    pub fn ids(self) -> Arc<[MessageId]> {
        self.run.batch.as_ref().map_or_else(|| [].into(), Batch::ids)
    }
}

/// One message of a batch, or one steer.
#[derive(Clone, Copy)]
pub struct Part<'a> {
    pub(super) cell: &'a Arc<Cell>,
    pub(super) role: Role,
}

/// What a message is to the run that reads it.
#[derive(Clone, Copy)]
pub(super) enum Role {
    Turn,
    Steer,
}

impl<'a> Part<'a> {
    /// The message's id.
    #[must_use]
    pub fn id(self) -> MessageId {
        self.cell.id()
    }

    /// The message as it was submitted.
    #[must_use]
    pub fn message(self) -> &'a Message {
        &self.cell.message
    }

    /// Whether its steer half was delivered to an earlier run.
    #[must_use]
    pub fn seen(self) -> bool {
        self.cell.seen()
    }

    /// What it says here. A steer says its text; the later turn of a steer-backlog says its
    /// backlog text if the steer was delivered, both texts if not.
    #[must_use]
    pub fn text(self) -> Cow<'a, str> {
        match self.role {
            Role::Turn => turn_text(self.cell),
            Role::Steer => Cow::Borrowed(&self.cell.message.text),
        }
    }
}

impl std::fmt::Debug for Part<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Part").field("id", &self.id()).finish_non_exhaustive()
    }
}
