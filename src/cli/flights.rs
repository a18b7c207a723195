//! Messages of the input on their way into the journal: many at once, so that they share a commit.

use std::collections::VecDeque;

use laneq::{Admission, Message, MessageId, Refused};

use super::app::App;

/// Most messages on their way at once. P9.
const MOST: usize = 4096;

struct Flight {
    admission: Admission,
    id: MessageId,
    key: String,
    bytes: usize,
}

/// What has been sent and has not landed, in order. It lands in that order too.
#[derive(Default)]
pub struct Flights(VecDeque<Flight>);

impl Flights {
    /// Sends a message; one that is refused at once comes back. Blocks if too many are on their way.
    pub fn send(
        &mut self,
        app: &App,
        message: Message,
        key: String,
        bytes: usize,
    ) -> Result<(), Refused> {
        while self.0.front().is_some_and(|first| first.admission.is_decided())
            || self.0.len() >= MOST
        {
            self.land_first(app);
        }
        let admission = app.books().send(&key, bytes, || app.engine.submit_nowait(message))?;
        if let Some(id) = admission.id().cloned() {
            self.0.push_back(Flight { admission, id, key, bytes });
        }
        Ok(())
    }

    /// Blocks until everything has landed.
    pub fn land(&mut self, app: &App) {
        while !self.0.is_empty() {
            self.land_first(app);
        }
    }

    fn land_first(&mut self, app: &App) {
        let Some(Flight { admission, id, key, bytes }) = self.0.pop_front() else { return };
        // A refusal has been told by its event.
        app.books().land(&id, &key, bytes, admission.wait());
    }
}
