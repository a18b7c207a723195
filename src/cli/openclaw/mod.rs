//! `laneq check --from-openclaw`: the settings of `OpenClaw` as a laneq file.
//!
//! What laneq knows is taken out of the source and written down; what is left in the source has no
//! counterpart and is named by its path alone, because values may be secrets.

mod defaults;
mod page;
mod source;
mod translate;

use std::fs;
use std::path::Path;

use laneq::Config;

use self::defaults::DEFAULTS;
use self::source::Source;
use self::translate::Translation;
use super::setup::Usage;

/// The laneq file made from this file of `OpenClaw`. It is valid, or this is an error.
pub fn convert(path: &Path) -> Result<String, Usage> {
    let name = path.display().to_string();
    let text = fs::read_to_string(path).map_err(|error| format!("{name}: {error}"))?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let Translation { mut page, set, left_out, unknown } =
        Translation::of(Source::read(text, path)?);
    page.note("Settings without a counterpart in laneq:", unknown);
    page.note("Settings with a counterpart, left out:", left_out);
    let differ = DEFAULTS.iter().map(|d| d.words(set.contains(d.path))).collect();
    page.note("Defaults that differ:", differ);
    let page = page.text(&name);
    let checked = Config::from_toml(&page, "the file made of it");
    checked.map(|_| page).map_err(|error| format!("{name}: {error}"))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use laneq::{Concurrency, Drop, Mode, Scope};

    use super::*;

    fn page(text: &str, name: &str) -> String {
        let source = Source::read(text, Path::new(name)).expect("it can be read");
        let Translation { mut page, left_out, unknown, .. } = Translation::of(source);
        page.note("unknown", unknown);
        page.note("left out", left_out);
        page.text(name)
    }

    fn config(text: &str, name: &str) -> Config {
        let page = page(text, name);
        Config::from_toml(&page, "page").unwrap_or_else(|error| panic!("{error}\n{page}"))
    }

    #[test]
    fn every_setting_with_a_counterpart_is_carried_over() {
        let config = config(
            r#"{ // as its documentation writes it
            messages: {
                queue: { mode: "steer+backlog", cap: 25, drop: "old", debounceMs: 1500,
                    byChannel: { discord: "interrupt" },
                    debounceMsByChannel: { discord: 250, "a.b": 2e3 } },
                inbound: { debounceMs: 0, byChannel: { whatsapp: 5000 } } },
            session: { dmScope: "per-channel-peer",
                identityLinks: { alice: ["telegram:1", "discord:2"] } },
            agents: { defaults: { maxConcurrent: 6, subagents: { maxConcurrent: 2 } },
                list: [{ id: "a", lane: "mine", laneConcurrency: 0 }, { id: "b" }] },
            cron: { maxConcurrentRuns: 3 }, }"#,
            "openclaw.json",
        );
        let queue = &config.queue;
        assert_eq!((queue.mode, queue.cap, queue.drop), (Mode::SteerBacklog, 25, Drop::Old));
        assert_eq!(queue.debounce, Duration::from_millis(1500));
        assert_eq!(queue.channels["discord"].mode, Some(Mode::Interrupt));
        assert_eq!(queue.channels["discord"].debounce, Some(Duration::from_millis(250)));
        assert_eq!(queue.channels["a.b"].debounce, Some(Duration::from_secs(2)));
        assert_eq!(config.inbound.channels["whatsapp"], Duration::from_secs(5));
        assert_eq!(config.session.dm_scope, Scope::PerChannelPeer);
        assert_eq!(config.session.identity_links["alice"], ["telegram:1", "discord:2"]);
        let lanes = ["main", "subagent", "cron", "mine"].map(|l| config.lanes[l].concurrency);
        assert_eq!(lanes, [6, 2, 3, 0].map(Concurrency::Limit));
        assert_eq!((config.agents[0].lane.as_deref(), &*config.agents[1].id), (Some("mine"), "b"));
    }

    #[test]
    fn the_collect_settings_of_yaml_are_carried_over() {
        let yaml = "commandQueue:\n  collect:\n    windowMs: 750\n    maxMessages: 9\n    \
            resetOnNewMessage: false\n";
        let queue = config(yaml, "x.yaml").queue;
        assert_eq!((queue.debounce, queue.max_batch), (Duration::from_millis(750), 9));
        assert!(!queue.reset_on_new_message);
    }

    #[test]
    fn what_has_no_counterpart_is_named_and_its_value_is_not() {
        let text = r#"{ channels: { telegram: { botToken: "s3cret" } }, messages: { ackReaction: "x" },
            agents: { list: [{ id: "a", workspace: "/home" }], defaults: { model: {} } } }"#;
        let page = page(text, "x.json");
        for path in
            ["channels.telegram.botToken", "messages.ackReaction", "agents.list[0].workspace"]
        {
            assert!(page.contains(&format!("#   {path}\n")), "{page}");
        }
        assert!(page.contains("agents.defaults.model\n") && !page.contains("s3cret"), "{page}");
    }

    #[test]
    fn what_is_wrong_or_out_of_range_is_left_out_and_named() {
        let text = r#"{ messages: { queue: { mode: "later", cap: 0, debounceMs: 1.5, drop: 7,
            byChannel: { irc: 4 } }, inbound: { debounceMs: 90000, byChannel: [1] } },
            agents: { defaults: { maxConcurrent: "${N}" }, list: [{ lane: "x" }, 5] },
            commandQueue: { collect: { maxMessages: Infinity } },
            session: { dmScope: "all", identityLinks: { ann: ["1", "irc:1"], bob: ["IRC:1"] } } }"#;
        let page = page(text, "x.json");
        for told in [
            "messages.queue.mode: \"later\" is not one of",
            "messages.queue.cap: 0 is not a whole number from 1 to 100000",
            "messages.queue.debounceMs: 1.5 is not a whole number from 0 to 600000",
            "messages.queue.drop: it is not one of",
            "messages.queue.byChannel.irc: it is not one of",
            "messages.inbound.debounceMs: 90000 is not a whole number from 0 to 60000",
            "messages.inbound.byChannel: it is not a table",
            "agents.defaults.maxConcurrent: it is not a whole number from 1 to 4096",
            "agents.list[0]: it has no id",
            "agents.list[1]: it is not a table",
            "commandQueue.collect.maxMessages: ",
            "session.dmScope: \"all\" is not one of",
            "session.identityLinks.ann[0]: ",
            "session.identityLinks.bob[0]: ",
        ] {
            assert!(page.contains(&format!("#   {told}")), "{told}\n{page}");
        }
        let expected = "[session.identity_links]\nann = [\"irc:1\"]\n";
        assert!(page.ends_with(expected), "{page}");
    }
}
