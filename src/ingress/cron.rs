//! When a job of the clock is due: pure. What time it is comes in as an argument, and firing is
//! the engine's.
//!
//! `every` counts on the engine's clock, which no change of the wall clock moves. An expression is
//! about the wall clock, which may jump: at each look the job is due at most once, however many of
//! its ticks have gone by, and a tick that has fired does not fire again when the clock is put back
//! by up to three hours. After a longer way back the clock was wrong before, and the expression
//! counts from what it shows now.

use std::time::{Duration, SystemTime};

use crate::config::CronJob;
use crate::time::Moment;

/// A look at the wall clock is never further away than this: it may have jumped meanwhile.
const LOOK: Duration = Duration::from_secs(60);
/// A clock that is put back by more than this was wrong, and its ticks count for nothing.
const BACK: Duration = Duration::from_secs(3 * 3600);

/// The two clocks, read at once.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Now {
    pub(crate) engine: Moment,
    pub(crate) wall: SystemTime,
}

/// What a look says.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tick {
    /// One or more ticks have come since the last look.
    Due,
    NotYet,
}

/// A job's ticks, and which of them is next.
pub(crate) enum Schedule {
    Every { every: Duration, next: Moment },
    At(Box<Expression>),
}

impl Schedule {
    /// The schedule of a job, which begins now.
    ///
    /// # Errors
    /// What is wrong with the expression or the zone, in words that name the setting.
    pub(crate) fn new(job: &CronJob, now: Now) -> Result<Self, String> {
        if cfg!(not(feature = "cron")) {
            return Err("this build has no schedules: build it with the feature `cron`".to_owned());
        }
        match (&job.schedule, job.every) {
            (Some(words), _) => {
                let expression = Expression::new(words, job.timezone(), now.wall)?;
                Ok(Self::At(Box::new(expression)))
            }
            // Validation has seen to it that there is one of the two.
            (None, every) => {
                let every = every.unwrap_or(LOOK).max(Duration::from_millis(1));
                Ok(Self::Every { every, next: now.engine.plus(every) })
            }
        }
    }

    /// Forgets what has gone by: the next tick is the first one from now on.
    pub(crate) fn begin(&mut self, now: Now) {
        match self {
            Self::Every { every, next } => *next = now.engine.plus(*every),
            Self::At(expression) => expression.begin(now.wall),
        }
    }

    /// Whether the job is due. Ticks that were missed count once, and the next is one to come.
    pub(crate) fn look(&mut self, now: Now) -> Tick {
        match self {
            Self::Every { every, next } if *next <= now.engine => {
                *next = after(*next, *every, now.engine);
                Tick::Due
            }
            Self::Every { .. } => Tick::NotYet,
            Self::At(expression) => expression.look(now.wall),
        }
    }

    /// How long to wait before the next look; never zero after a look.
    pub(crate) fn pause(&self, now: Now) -> Duration {
        match self {
            Self::Every { next, .. } => next.since(now.engine),
            Self::At(expression) => expression.pause(now.wall),
        }
    }
}

/// The first tick later than `now`, on the grid that `due` and `every` make.
fn after(due: Moment, every: Duration, now: Moment) -> Moment {
    let over = now.since(due).as_nanos() % every.as_nanos();
    // Below `every`, which is a year at most.
    let over = Duration::from_nanos(u64::try_from(over).unwrap_or(0));
    now.plus(every.saturating_sub(over))
}

/// The ticks of a cron expression in its time zone.
pub(crate) struct Expression {
    rule: rule::Rule,
    /// None: it never comes again, unless the clock is put back.
    next: Option<SystemTime>,
    /// What the clock showed when it last fired.
    fired: Option<SystemTime>,
    /// What the clock showed at the last look.
    seen: SystemTime,
}

impl Expression {
    fn new(words: &str, zone: &str, now: SystemTime) -> Result<Self, String> {
        let rule = rule::Rule::new(words, zone)?;
        let next = rule.after(now);
        if next.is_none() {
            return Err(format!("schedule {words:?}: it never comes"));
        }
        Ok(Self { rule, next, fired: None, seen: now })
    }

    fn begin(&mut self, now: SystemTime) {
        (self.next, self.fired, self.seen) = (self.rule.after(now), None, now);
    }

    fn look(&mut self, now: SystemTime) -> Tick {
        let before = std::mem::replace(&mut self.seen, now);
        if self.next.is_some_and(|next| next <= now) {
            (self.fired, self.next) = (Some(now), self.rule.after(now));
            return Tick::Due;
        }
        if now < before {
            let wrong = |fired: SystemTime| fired.duration_since(now).is_ok_and(|by| by > BACK);
            self.fired = self.fired.filter(|fired| !wrong(*fired));
            self.next = self.rule.after(self.fired.map_or(now, |fired| fired.max(now)));
        }
        Tick::NotYet
    }

    fn pause(&self, now: SystemTime) -> Duration {
        let ahead = self.next.and_then(|next| next.duration_since(now).ok());
        ahead.map_or(LOOK, |ahead| ahead.min(LOOK))
    }
}

#[cfg(feature = "cron")]
mod rule {
    use std::time::{Duration, SystemTime};

    use chrono::{DateTime, Utc};
    use chrono_tz::Tz;
    use croner::Cron;

    /// An expression and the zone whose clocks it means.
    pub(super) struct Rule {
        cron: Cron,
        zone: Tz,
    }

    impl Rule {
        pub(super) fn new(words: &str, zone: &str) -> Result<Self, String> {
            let cron = words.parse().map_err(|error| format!("schedule {words:?}: {error}"))?;
            let zone = zone.trim().parse().map_err(|_| {
                format!("timezone {zone:?}: not an IANA name, such as \"Europe/Berlin\"")
            })?;
            Ok(Self { cron, zone })
        }

        /// The first tick later than this, if there is any.
        pub(super) fn after(&self, time: SystemTime) -> Option<SystemTime> {
            let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
            let time = DateTime::<Utc>::from_timestamp(i64::try_from(since.as_secs()).ok()?, 0)?;
            let time = time.with_timezone(&self.zone);
            // An error: the search has come to its end.
            let next = self.cron.find_next_occurrence(&time, false).ok()?.timestamp();
            SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(u64::try_from(next).ok()?))
        }
    }
}

#[cfg(not(feature = "cron"))]
mod rule {
    use std::time::SystemTime;

    /// Stands in where the feature `cron` is off: none is ever made.
    pub(super) enum Rule {}

    impl Rule {
        pub(super) fn new(_words: &str, _zone: &str) -> Result<Self, String> {
            Err("a schedule needs the feature `cron`".to_owned())
        }

        pub(super) fn after(&self, _time: SystemTime) -> Option<SystemTime> {
            match *self {}
        }
    }
}

#[cfg(feature = "cron")]
#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    fn wall(text: &str) -> SystemTime {
        DateTime::parse_from_rfc3339(text).expect("a time").into()
    }

    fn now(engine: Duration, wall: SystemTime) -> Now {
        Now { engine: Moment::START.plus(engine), wall }
    }

    fn try_rule(schedule: &str, zone: &str) -> Result<Expression, String> {
        Expression::new(schedule, zone, wall("2026-01-01T00:00:00Z"))
    }

    /// The expression's ticks from here on, looked at as often as it asks for.
    fn ticks(schedule: &str, zone: &str, from: &str, until: &str) -> Vec<String> {
        let (mut at, until) = (wall(from), wall(until));
        let mut expression = try_rule(schedule, zone).expect("it is right");
        expression.begin(at);
        let mut ticks = Vec::new();
        while at <= until {
            if expression.look(at) == Tick::Due {
                ticks.push(DateTime::<chrono::Utc>::from(at).format("%dT%H:%M").to_string());
            }
            let pause = expression.pause(at);
            assert!(!pause.is_zero() && pause <= LOOK);
            at += pause;
        }
        ticks
    }

    #[test]
    fn an_hour_that_the_clock_leaves_out_moves_a_job_and_thins_out_a_row() {
        // Berlin, 29 March 2026: 02:00 to 03:00 does not exist; 01:00Z is both ends of it.
        let zone = ("Europe/Berlin", "2026-03-28T12:00:00Z", "2026-03-30T12:00:00Z");
        assert_eq!(ticks("30 2 * * *", zone.0, zone.1, zone.2), ["29T01:00", "30T00:30"]);
        let night = ("2026-03-29T00:15:00Z", "2026-03-29T02:15:00Z");
        let row = ticks("*/30 * * * *", zone.0, night.0, night.1);
        assert_eq!(row, ["29T00:30", "29T01:00", "29T01:30", "29T02:00"]);
    }

    #[test]
    fn an_hour_that_the_clock_repeats_fires_a_job_once() {
        // Berlin, 25 October 2026: 02:00 to 03:00 comes twice, at 00:00Z and at 01:00Z.
        let (from, until) = ("2026-10-24T12:00:00Z", "2026-10-26T12:00:00Z");
        assert_eq!(ticks("30 2 * * *", "Europe/Berlin", from, until), ["25T00:30", "26T01:30"]);
        let (from, until) = ("2026-10-24T23:45:00Z", "2026-10-25T02:15:00Z");
        let row = ticks("0 * * * *", "Europe/Berlin", from, until);
        assert_eq!(row, ["25T00:00", "25T01:00", "25T02:00"]);
    }

    #[test]
    fn a_zone_is_where_the_day_begins() {
        let (from, until) = ("2026-06-01T12:00:00Z", "2026-06-02T12:00:00Z");
        assert_eq!(ticks("@daily", "Asia/Kathmandu", from, until), ["01T18:15"]);
        assert_eq!(ticks("@daily", "UTC", from, until), ["02T00:00"]);
    }

    #[test]
    fn ticks_that_a_jump_leaves_out_count_once() {
        let start = wall("2026-06-01T12:30:00Z");
        let mut hourly = try_rule("0 * * * *", "UTC").expect("it is right");
        hourly.begin(start);
        assert_eq!(hourly.look(start + 5 * HOUR), Tick::Due, "13:00 to 17:00");
        assert_eq!(hourly.look(start + 5 * HOUR), Tick::NotYet);
        assert_eq!(hourly.next, Some(wall("2026-06-01T18:00:00Z")));
    }

    #[test]
    fn a_clock_that_is_put_back_a_little_fires_nothing_again() {
        let noon = wall("2026-06-01T12:00:00Z");
        let mut hourly = try_rule("0 * * * *", "UTC").expect("it is right");
        hourly.begin(noon - HOUR / 2);
        assert_eq!(hourly.look(noon), Tick::Due);
        for back in [Duration::from_millis(1), HOUR, 3 * HOUR] {
            assert_eq!(hourly.look(noon - back), Tick::NotYet);
            assert_eq!(hourly.look(noon), Tick::NotYet, "noon has fired");
            assert_eq!(hourly.look(noon + HOUR / 2), Tick::NotYet);
        }
        assert_eq!(hourly.look(noon + HOUR), Tick::Due);
    }

    #[test]
    fn a_clock_that_was_far_ahead_does_not_silence_a_job() {
        let noon = wall("2026-06-01T12:00:00Z");
        let mut hourly = try_rule("0 * * * *", "UTC").expect("it is right");
        hourly.begin(noon);
        assert_eq!(hourly.look(noon + 24 * 365 * HOUR), Tick::Due);
        assert_eq!(hourly.look(noon), Tick::NotYet);
        assert_eq!(hourly.look(noon + HOUR), Tick::Due);
    }

    #[test]
    fn every_counts_on_the_engines_clock_and_keeps_its_grid() {
        let job = CronJob { every: Some(HOUR), ..CronJob::default() };
        let start = wall("2026-06-01T12:00:00Z");
        let mut schedule = Schedule::new(&job, now(Duration::ZERO, start)).expect("it is right");
        assert_eq!(schedule.look(now(HOUR / 2, start + 9 * HOUR)), Tick::NotYet, "wall clock");
        assert_eq!(schedule.look(now(HOUR * 7 / 2, start)), Tick::Due, "three at once");
        let at = now(HOUR * 7 / 2, start);
        assert_eq!((schedule.look(at), schedule.pause(at)), (Tick::NotYet, HOUR / 2));
        assert_eq!(schedule.look(now(4 * HOUR, start)), Tick::Due);
    }

    #[test]
    fn what_is_wrong_is_said_and_what_never_comes_is_wrong() {
        let error = |schedule, zone| try_rule(schedule, zone).err().expect("it is wrong");
        assert!(error("61 * * * *", "UTC").starts_with("schedule \"61 * * * *\": "));
        assert!(error("soon", "UTC").contains("between 5 and 7 fields"));
        assert!(error("@daily", "Mars/Base").starts_with("timezone \"Mars/Base\": not an IANA"));
        assert_eq!(error("0 0 30 2 *", "UTC"), "schedule \"0 0 30 2 *\": it never comes");
    }
}
