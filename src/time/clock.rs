//! The engine's clock. Monotonic: a change of the wall clock has no effect. Beside it the wall
//! clock, which only schedules read.

use std::num::NonZeroU64;
use std::time::{Duration, Instant, SystemTime};

use crate::sync::Arc;
use crate::sync::atomic::{AtomicI64, AtomicU64, Ordering};

/// A point in time: nanoseconds since the clock was made, plus one, so that `Option` costs nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Moment(NonZeroU64);

impl Moment {
    /// When the clock was made.
    pub(crate) const START: Self = Self(NonZeroU64::MIN);

    /// Saturates: a huge debounce never comes due, instead of coming due at once.
    pub(crate) fn plus(self, duration: Duration) -> Self {
        let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        Self(self.0.saturating_add(nanos))
    }

    /// Saturates at the start.
    pub(crate) fn minus(self, duration: Duration) -> Self {
        let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        Self::from_nanos(self.nanos().saturating_sub(nanos))
    }

    /// The time since `earlier`; zero if that is later.
    pub(crate) fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.get().saturating_sub(earlier.0.get()))
    }

    pub(crate) fn nanos(self) -> u64 {
        self.0.get() - 1
    }

    pub(crate) fn from_nanos(nanos: u64) -> Self {
        Self(NonZeroU64::MIN.saturating_add(nanos))
    }
}

/// A clock that stands still until it is turned by hand: tests and simulations use it.
///
/// After [`Engine::advance`](crate::Engine::advance) the engine has done everything that came due
/// on the way. Its wall clock, which schedules go by, shows the beginning of 1970 at first and moves
/// with it; [`set_wall_clock`](Self::set_wall_clock) makes that one jump.
#[derive(Clone, Debug, Default)]
pub struct ManualClock {
    /// Written by `advance`, read by everybody.
    nanos: Arc<AtomicU64>,
    /// What the wall clock showed at zero, in nanoseconds since 1970.
    wall: Arc<AtomicI64>,
}

impl ManualClock {
    /// A clock that shows zero.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the wall clock and nothing else: what a suspend, or somebody who sets the time, looks
    /// like to an engine. Times before 1970 are 1970, and times after 2262 are 2262.
    pub fn set_wall_clock(&self, shows: SystemTime) {
        let since = shows.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let since = i64::try_from(since.as_nanos()).unwrap_or(i64::MAX);
        let gone = i64::try_from(self.now().nanos()).unwrap_or(i64::MAX);
        self.wall.store(since.saturating_sub(gone), Ordering::SeqCst);
    }

    /// What the wall clock shows.
    #[must_use]
    pub fn wall_clock(&self) -> SystemTime {
        let gone = i64::try_from(self.now().nanos()).unwrap_or(i64::MAX);
        let since = self.wall.load(Ordering::SeqCst).saturating_add(gone);
        SystemTime::UNIX_EPOCH + Duration::from_nanos(u64::try_from(since).unwrap_or(0))
    }

    pub(crate) fn turn(&self, by: Duration) {
        let nanos = u64::try_from(by.as_nanos()).unwrap_or(u64::MAX);
        self.nanos.fetch_add(nanos, Ordering::SeqCst);
    }

    pub(crate) fn now(&self) -> Moment {
        Moment::from_nanos(self.nanos.load(Ordering::SeqCst))
    }
}

/// Where the engine reads the time.
#[derive(Clone, Debug)]
pub(crate) enum Clock {
    Real(Instant),
    Manual(ManualClock),
}

impl Clock {
    pub(crate) fn real() -> Self {
        Self::Real(Instant::now())
    }

    pub(crate) fn now(&self) -> Moment {
        match self {
            Self::Real(start) => {
                // 584 years fit into the 64 bits.
                #[allow(clippy::cast_possible_truncation)]
                Moment::from_nanos(start.elapsed().as_nanos() as u64)
            }
            Self::Manual(clock) => clock.now(),
        }
    }

    /// What the wall clock shows: it may jump, either way.
    pub(crate) fn wall(&self) -> SystemTime {
        match self {
            Self::Real(_) => SystemTime::now(),
            Self::Manual(clock) => clock.wall_clock(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_huge_duration_saturates() {
        let late = Moment::START.plus(Duration::MAX);
        assert_eq!(late.plus(Duration::from_secs(1)), late);
        assert_eq!(Moment::START.since(late), Duration::ZERO);
    }

    #[test]
    fn the_manual_clock_moves_only_by_hand() {
        let clock = ManualClock::new();
        let before = clock.now();
        clock.turn(Duration::from_secs(3));
        assert_eq!(clock.now().since(before), Duration::from_secs(3));
    }

    #[test]
    fn the_wall_clock_moves_with_the_manual_clock_and_jumps_alone() {
        let clock = ManualClock::new();
        let at = |secs| SystemTime::UNIX_EPOCH + Duration::from_secs(secs);
        clock.turn(Duration::from_secs(3));
        assert_eq!(clock.wall_clock(), at(3));
        clock.set_wall_clock(at(1_000));
        clock.turn(Duration::from_secs(3));
        assert_eq!((clock.wall_clock(), clock.now().nanos()), (at(1_003), 6_000_000_000));
    }
}
