//! The word of a lane's gate: four counts in 64 bits, so that one compare-exchange changes them all.

/// A whole word, unpacked. 24 + 13 + 14 + 13 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Word {
    /// Tickets in the lane that no worker has been promised.
    pub(crate) tickets: u32,
    /// Workers that sleep, and that nobody has rung for.
    pub(crate) idle: u32,
    /// Runs that execute: not those that wait, not abandoned ones.
    pub(crate) executing: u32,
    /// Slots. 0 is paused.
    pub(crate) cap: u32,
}

const TICKETS: u32 = 24;
const IDLE: u32 = 13;
const EXECUTING: u32 = 14;

impl Word {
    /// One ticket more.
    pub(super) const TICKET: u64 = 1;

    pub(super) fn pack(self) -> u64 {
        u64::from(self.tickets)
            | u64::from(self.idle) << TICKETS
            | u64::from(self.executing) << (TICKETS + IDLE)
            | u64::from(self.cap) << (TICKETS + IDLE + EXECUTING)
    }

    #[allow(clippy::cast_possible_truncation, reason = "each part is masked to its width")]
    pub(super) fn unpack(word: u64) -> Self {
        Self {
            tickets: (word & ((1 << TICKETS) - 1)) as u32,
            idle: (word >> TICKETS & ((1 << IDLE) - 1)) as u32,
            executing: (word >> (TICKETS + IDLE) & ((1 << EXECUTING) - 1)) as u32,
            cap: (word >> (TICKETS + IDLE + EXECUTING)) as u32,
        }
    }

    /// P3: the one place that says whether a lane may start a run.
    pub(super) fn may_start(self) -> bool {
        self.tickets > 0 && self.executing < self.cap
    }

    /// Whether one more ticket would have to wait.
    pub(crate) fn is_full(self) -> bool {
        self.executing + self.tickets >= self.cap
    }

    /// P3: a run that waited may go on in a paused lane too, so that a pause strands nobody.
    pub(super) fn may_resume(self) -> bool {
        self.executing < self.cap.max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_survives_packing() {
        let word = Word { tickets: (1 << 24) - 1, idle: 4352, executing: 8191, cap: 4096 };
        assert_eq!(Word::unpack(word.pack()), word);
    }
}
