//! Messages that a clock sends.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::agents::folded;
use super::check::{DAY, MS, Ranges};
use crate::model::mode_words as words;

/// What a tick does while the job's last run is still at work.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Overlap {
    /// The tick is left out, with an event.
    #[default]
    Skip,
    /// One run follows for all the ticks that came.
    Coalesce,
}

words!(Overlap, "overlap policy", Skip = "skip", Coalesce = "coalesce");

/// A job: a text that is submitted at its times.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CronJob {
    /// The job's name; its session is `cron:<id>`. Not empty, and different from the others.
    pub id: String,
    /// When, as a cron expression: five fields, or six with seconds in front, or seven with years at
    /// the end, or `@hourly`, `@daily` and the like. A time that the zone's clocks leave out is the
    /// first moment after it; one that they repeat counts once, but a row (`*/10`) goes on through
    /// both. Ticks that were missed fire once. It needs the feature `cron`. A job has this or `every`, never both.
    pub schedule: Option<String>,
    /// How often, on a clock that no change of the time moves. It needs the feature `cron`. Unit: ms. Range: 1 ms to 366 d. A job has this or `schedule`, never both.
    pub every: Option<Duration>,
    /// Time zone of the schedule, by its IANA name. Default: UTC.
    pub timezone: Option<String>,
    /// What is submitted. Not empty.
    pub text: String,
    /// What a tick does while the last run is still at work. Default: skip.
    pub overlap: Overlap,
}

impl CronJob {
    /// The time zone of the schedule.
    #[must_use]
    pub fn timezone(&self) -> &str {
        self.timezone.as_deref().unwrap_or("UTC")
    }

    fn visit(&self, at: &str, ranges: &mut Ranges) {
        for (key, text) in [("id", &self.id), ("text", &self.text)] {
            if text.trim().is_empty() {
                ranges.wrong(&format!("{at}.{key}"), format_args!("{text:?}: it is empty"));
            }
        }
        for (key, text) in [("schedule", &self.schedule), ("timezone", &self.timezone)] {
            if text.as_ref().is_some_and(|text| text.trim().is_empty()) {
                ranges.wrong(&format!("{at}.{key}"), format_args!("\"\": it is empty"));
            }
        }
        let id = &self.id;
        match (&self.schedule, self.every) {
            (Some(_), Some(_)) => {
                ranges.refuse(format!("{at}.every: job {id:?} has a schedule too: give it one"));
            }
            (None, None) => {
                ranges.refuse(format!("{at}: job {id:?} has neither schedule nor every"));
            }
            (None, Some(every)) => {
                ranges.lasting(&format!("{at}.every"), every, MS..=366 * DAY);
            }
            (Some(_), None) => {}
        }
    }
}

/// The list as validation sees it: each job, and that no two have one id.
pub(super) fn visit(jobs: &[CronJob], ranges: &mut Ranges) {
    for (idx, job) in jobs.iter().enumerate() {
        let at = format!("cron[{idx}]");
        job.visit(&at, ranges);
        let same = |other: &&CronJob| folded(&other.id) == folded(&job.id);
        if let Some(other) = jobs[..idx].iter().find(same) {
            let what = format_args!("{:?}: job {:?} has this id already", job.id, other.id);
            ranges.wrong(&format!("{at}.id"), what);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn job(id: &str) -> CronJob {
        let (id, text) = (id.to_owned(), "work".to_owned());
        CronJob { id, text, every: Some(MS), ..CronJob::default() }
    }

    fn error(jobs: &[CronJob]) -> String {
        let config = Config { cron: jobs.to_vec(), ..Config::default() };
        config.validate().expect_err("it is wrong").to_string()
    }

    #[test]
    fn a_job_has_a_schedule_or_a_pause_and_never_both() {
        let neither = CronJob { every: None, ..job("a") };
        assert!(error(&[neither]).contains("neither schedule nor every"));
        let both = CronJob { schedule: Some("0 7 * * *".to_owned()), ..job("a") };
        assert!(error(&[both]).starts_with("cron[0].every: "));
        let never = CronJob { every: Some(Duration::ZERO), ..job("a") };
        assert_eq!(error(&[never]), "cron[0].every = 0ms: the range is 1ms to 366d");
    }

    #[test]
    fn an_id_used_twice_and_an_empty_text_are_errors() {
        assert!(error(&[job("a"), job("A")]).starts_with("cron[1].id = \"A\": "));
        assert!(error(&[CronJob { text: String::new(), ..job("a") }]).contains("empty"));
    }

    #[test]
    fn the_time_zone_is_utc_unless_named() {
        assert_eq!(job("a").timezone(), "UTC");
        let paris = CronJob { timezone: Some("Europe/Paris".to_owned()), ..job("a") };
        assert_eq!(paris.timezone(), "Europe/Paris");
    }
}
