//! The agents of a program, and the lanes that they run in.

use std::collections::BTreeMap;
use std::time::Duration;

use super::check::{DAY, MS, Ranges, lane_name, reserved};
use super::{Concurrency, Config, Lane};
use crate::model::{Error, Source};

/// One agent: where its runs go and what does the work.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Agent {
    /// What sources call it. Not empty, and different from the others, case aside.
    pub id: String,
    /// The lane of all its runs; agents may share one. Default: `main`.
    /// Source: `agents.list[].lane` of `OpenClaw`.
    pub lane: Option<String>,
    /// Runs of its lane at once. Range: 0 (paused) to 4,096, or unlimited. Default: that of the
    /// lane, for a new lane that of `main`. Source: `agents.list[].laneConcurrency` of `OpenClaw`.
    pub lane_concurrency: Option<Concurrency>,
    /// The command of a run (program). Default: that of the command line.
    pub command: Option<String>,
    /// How the command talks (program): plain or jsonl. Default: plain.
    pub protocol: Option<String>,
    /// How long a run may take before it is stopped. Unit: ms. Range: 1 ms to 1 d.
    /// Default: that of its lane, none.
    pub deadline: Option<Duration>,
}

impl Agent {
    /// The lane of its runs, spelled out.
    fn lane(&self) -> &str {
        lane_name(self.lane.as_deref().unwrap_or("main"))
    }

    fn visit(&self, at: &str, ranges: &mut Ranges) {
        if self.id.trim().is_empty() {
            ranges.wrong(&format!("{at}.id"), format_args!("{:?}: it is empty", self.id));
        }
        if let Some(protocol) = &self.protocol
            && !["plain", "jsonl"].contains(&protocol.as_str())
        {
            let what = format_args!("{protocol:?}: one of plain, jsonl");
            ranges.wrong(&format!("{at}.protocol"), what);
        }
        if self.command.as_ref().is_some_and(|command| command.trim().is_empty()) {
            ranges.wrong(&format!("{at}.command"), format_args!("\"\": it is empty"));
        }
        if let Some(deadline) = self.deadline {
            ranges.lasting(&format!("{at}.deadline"), deadline, MS..=DAY);
        }
        if let Some(Concurrency::Limit(limit)) = self.lane_concurrency {
            ranges.concurrency(&format!("{at}.lane_concurrency"), limit);
        }
    }
}

/// The list as validation sees it: each agent, and that no two have one id.
pub(super) fn visit(agents: &[Agent], ranges: &mut Ranges) {
    for (idx, agent) in agents.iter().enumerate() {
        let at = format!("agents[{idx}]");
        agent.visit(&at, ranges);
        let same = |other: &&Agent| folded(&other.id) == folded(&agent.id);
        if let Some(other) = agents[..idx].iter().find(same) {
            let what = format_args!("{:?}: agent {:?} has this id already", agent.id, other.id);
            ranges.wrong(&format!("{at}.id"), what);
        }
    }
}

/// Ids that differ in case or in blanks around them would share their session keys.
pub(super) fn folded(id: &str) -> String {
    id.trim().to_lowercase()
}

impl Config {
    /// The agent that a source names.
    pub(crate) fn agent_of(&self, source: &Source) -> Option<&Agent> {
        if self.agents.is_empty() {
            return None;
        }
        let named = if source.agent.trim().is_empty() { "main" } else { &source.agent };
        self.agents.iter().find(|agent| folded(&agent.id) == folded(named))
    }

    /// The lanes, with those of the agents: an agent's figure goes before that of the lane, and a
    /// lane that only agents name has the concurrency of `main`.
    ///
    /// # Errors
    /// `Invalid` for a reserved lane name, and for two agents with different figures for one lane.
    pub fn agent_lanes(&self) -> Result<BTreeMap<String, Lane>, Error> {
        let mut figures: BTreeMap<&str, (&Agent, Concurrency)> = BTreeMap::new();
        for (idx, agent) in self.agents.iter().enumerate() {
            let (at, id) = (format!("agents[{idx}]"), &agent.id);
            if let Some(why) = reserved(agent.lane()) {
                let lane = agent.lane();
                return Err(Error::invalid(format!("{at}.lane = {lane:?}: {why} (agent {id:?})")));
            }
            let Some(figure) = agent.lane_concurrency else { continue };
            let (first, agreed) = *figures.entry(agent.lane()).or_insert((agent, figure));
            if agreed != figure {
                return Err(Error::invalid(format!(
                    "{at}.lane_concurrency = {figure}: agent {id:?} and agent {:?}, which says \
                     {agreed}, share the lane {:?}: give it one figure",
                    first.id,
                    agent.lane(),
                )));
            }
        }
        let mut lanes = self.lanes.clone();
        for (name, (_, figure)) in figures {
            let lane = lanes.entry(name.to_owned()).or_insert_with(|| Lane::new(figure));
            lane.concurrency = figure;
        }
        let main = lanes.get("main").map_or(Concurrency::Limit(4), |lane| lane.concurrency);
        for agent in &self.agents {
            lanes.entry(agent.lane().to_owned()).or_insert_with(|| Lane::new(main));
        }
        Ok(lanes)
    }

    /// Checks every value, and makes the lanes of the agents.
    ///
    /// # Errors
    /// As [`Config::validate`].
    pub fn resolve(&mut self) -> Result<(), Error> {
        self.validate()?;
        self.lanes = self.agent_lanes()?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn agent(id: &str, lane: &str, figure: Option<u32>) -> Agent {
        let lane_concurrency = figure.map(Concurrency::Limit);
        Agent {
            id: id.to_owned(),
            lane: Some(lane.to_owned()),
            lane_concurrency,
            ..Agent::default()
        }
    }

    fn with(agents: &[Agent]) -> Config {
        Config { agents: agents.to_vec(), ..Config::default() }
    }

    fn error(agents: &[Agent]) -> String {
        with(agents).resolve().expect_err("it is wrong").to_string()
    }

    #[test]
    fn a_lane_without_a_figure_has_that_of_main() {
        let mut config = with(&[agent("a", "mine", None)]).with_lane("main", 3);
        config.resolve().expect("it is right");
        assert_eq!(config.lanes["mine"], Lane::new(3));
    }

    #[test]
    fn agents_share_a_lane_and_zero_is_paused() {
        let agents =
            [agent("a", "mine", None), agent("b", "mine", Some(0)), agent("c", "mine", Some(0))];
        let lanes = with(&agents).agent_lanes().expect("they agree");
        assert_eq!(lanes["mine"].concurrency, Concurrency::Limit(0));
        assert_eq!(lanes.len(), 4);
    }

    #[test]
    fn an_agent_of_an_existing_lane_changes_its_concurrency_alone() {
        let lanes = with(&[agent("a", "cron", Some(2))]).agent_lanes().expect("it is right");
        assert_eq!(lanes["cron"], Lane { isolated: true, ..Lane::new(2) });
        let lanes = with(&[agent("a", "global", None)]).agent_lanes().expect("it is right");
        assert_eq!(lanes, Config::default().lanes);
    }

    #[test]
    fn resolving_twice_changes_nothing() {
        let mut once = with(&[agent("a", "mine", Some(7)), agent("b", "other", None)]);
        once.resolve().expect("it is right");
        let mut twice = once.clone();
        twice.resolve().expect("it is right");
        assert_eq!(once, twice);
    }

    #[test]
    fn two_figures_for_one_lane_name_both_agents() {
        let error = error(&[agent("ann", "mine", Some(1)), agent("bob", "mine", Some(2))]);
        assert!(error.starts_with("agents[1].lane_concurrency = 2: "), "{error}");
        assert!(error.contains("\"ann\"") && error.contains("\"bob\""), "{error}");
    }

    #[test]
    fn a_reserved_lane_and_an_id_used_twice_are_errors() {
        for lane in ["session", "", "auto"] {
            let error = error(&[agent("ann", lane, None)]);
            assert!(error.contains("reserved") && error.contains("ann"), "{error}");
        }
        assert!(error(&[agent("ann", "a", None), agent("Ann ", "b", None)]).contains("already"));
        assert!(error(&[agent(" ", "a", None)]).contains("empty"));
        assert!(error(&[agent("a", "a", Some(5000))]).contains("0 to 4096"));
    }

    #[test]
    fn a_protocol_is_plain_or_jsonl() {
        let odd = Agent { protocol: Some("xml".to_owned()), ..agent("a", "a", None) };
        assert!(error(&[odd]).contains("plain, jsonl"));
    }
}
