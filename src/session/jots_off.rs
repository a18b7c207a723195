//! Without the feature `journal` there is no journal: no value of these types exists.

use std::convert::Infallible;

use super::batch::Batch;
use super::cell::Cell;
use super::overflow::LinesLike;
use super::standing::Place;
use crate::config::Inbound;
use crate::model::{Fate, Knobs, MessageId, Mode, Outcome, RunId};
use crate::sync::Arc;

pub(crate) type JournalError = Infallible;
pub(crate) enum Entry {}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "without a journal it is nothing at all")]
pub(crate) fn is_closed(error: &JournalError) -> bool {
    match *error {}
}

#[allow(dead_code, reason = "written, and read by nobody")]
#[derive(Clone, Copy)]
pub(crate) struct Ending {
    pub(crate) fate: Fate,
    pub(crate) run: Option<RunId>,
    pub(crate) outcome: Option<Outcome>,
    pub(crate) attempt: u32,
}

pub(crate) enum Jots {}

impl Jots {
    pub(crate) fn accept(
        &self,
        _: Cell,
        _: &str,
        _: Mode,
        _: impl FnOnce(Arc<Cell>, Entry, Result<(), JournalError>) + Send + 'static,
    ) -> Result<MessageId, (Cell, JournalError)> {
        match *self {}
    }

    pub(crate) fn admitted(&self, _: Entry) {
        match *self {}
    }

    pub(crate) fn not_written(&self, _: Entry) {
        match *self {}
    }

    pub(crate) fn refused(
        &self,
        _: Entry,
        _: impl FnOnce(Result<(), JournalError>) + Send + 'static,
    ) {
        match *self {}
    }

    pub(crate) fn again(&self) {
        match *self {}
    }

    pub(crate) fn landed(&self, _: &Cell, _: Place) {
        match *self {}
    }

    pub(crate) fn seen(&self, _: &Cell) {
        match *self {}
    }

    pub(crate) fn started(&self, _: &Batch, _: RunId, _: u32) -> Result<(), JournalError> {
        match *self {}
    }

    pub(crate) fn settled(&self, _: &Cell, _: Ending, _: &Inbound) {
        match *self {}
    }

    pub(crate) fn lines(&self, _: &str, _: &[LinesLike]) {
        match *self {}
    }

    pub(crate) fn knobs(&self, _: &str, _: Option<&Knobs>) {
        match *self {}
    }

    pub(crate) fn end(&self) {
        match *self {}
    }
}

/// Never asked.
#[allow(clippy::trivially_copy_pass_by_ref, reason = "as with a journal")]
pub(crate) fn is_final(error: &JournalError) -> bool {
    match *error {}
}
