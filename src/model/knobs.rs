//! The four knobs that a message, a session or a channel may set for itself.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Drop, Mode};

/// What is set here goes before the general setting: message, session, channel, configuration.
///
/// Units and ranges are those of [`Queue`](crate::Queue); every default is the next level's.
/// Source: `messages.queue.byChannel` and `debounceMsByChannel` of `OpenClaw`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Knobs {
    /// Mode of a message that names none.
    pub mode: Option<Mode>,
    /// Quiet window of collect. Unit: ms. Range: 0 to 10 min.
    pub debounce: Option<Duration>,
    /// Most waiting messages of a session. Range: 1 to 100,000.
    pub cap: Option<u32>,
    /// What gives way when the cap is reached.
    pub drop: Option<Drop>,
}
