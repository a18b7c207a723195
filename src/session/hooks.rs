//! What the host says about texts: how a batch reads, and what is left of what gives way.

use super::batch::Batch;
use super::entry::Code;
use super::overflow::one_line;
use super::render::{bare, merged};
use super::shared::Shared;
use crate::model::Message;
use crate::sync::on::{Thread, kind};
use crate::sync::{Arc, caught};

/// The host's way to write a batch as one text.
pub(crate) type Renderer = Box<dyn Fn(&Batch) -> Arc<str> + Send + Sync>;
/// The host's words about a message, should it have to give way.
pub(crate) type Summarizer = Box<dyn Fn(&Message) -> String + Send + Sync>;

/// What the host says about texts. Called with no lock held. P7.
#[derive(Default)]
pub(crate) struct Hooks {
    pub(crate) renderer: Option<Renderer>,
    pub(crate) summarizer: Option<Summarizer>,
}

impl<C: Code> Shared<C> {
    /// The text of a batch that needs not be made: nobody renders it, and it is one message's.
    pub(crate) fn bare_text<'a>(&self, batch: &'a Batch) -> Option<&'a str> {
        if self.hooks.renderer.is_none() { bare(batch).map(|text| &**text) } else { None }
    }

    /// The text of a batch, by the host's renderer if it has one.
    pub(crate) fn render(&self, batch: &Batch) -> Arc<str> {
        match &self.hooks.renderer {
            Some(renderer) => renderer(batch),
            None => merged(batch),
        }
    }

    /// The host's line about a message, if it has a summarizer; before it is admitted, since
    /// whoever gives way later does so under a lock.
    pub(crate) fn summarize(&self, message: &Message) -> Option<Box<str>> {
        // P7: the timer thread calls no host code.
        let summarizer = self.hooks.summarizer.as_ref().filter(|_| kind() != Thread::Timer)?;
        // P7: after a panic the built-in line stands in.
        let line = caught::call(|| summarizer(message)).ok()?;
        Some(one_line(None, &line))
    }
}
