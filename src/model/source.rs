//! Where a message comes from, and which messages answer to the same place.

use serde::{Deserialize, Serialize};

use super::mode::words;

/// What kind of place a message comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Kind {
    /// One person.
    #[default]
    Direct,
    /// A group chat.
    Group,
    /// A channel of a server.
    Channel,
    /// A run of another agent.
    Subagent,
    /// A schedule.
    Cron,
    /// A web hook.
    Hook,
    /// A device.
    Node,
}

words!(
    Kind,
    "kind of source",
    Direct = "direct",
    Group = "group",
    Channel = "channel",
    Subagent = "subagent",
    Cron = "cron",
    Hook = "hook",
    Node = "node"
);

/// Where a message comes from. All fields are optional; the empty string is as good as none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// The service: `discord`, `irc`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub channel: String,
    /// Which of the host's accounts there.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub account: String,
    /// What kind of place.
    #[serde(default)]
    pub kind: Kind,
    /// The person.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub peer: String,
    /// The group or channel.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub group: String,
    /// The thread within it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub thread: String,
    /// The agent that is addressed.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub agent: String,
    /// The id of a sub-agent, cron job, hook or node.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub id: String,
}

impl Source {
    /// Bytes of all its fields.
    pub(crate) fn bytes(&self) -> usize {
        let Self { channel, account, kind: _, peer, group, thread, agent, id } = self;
        [channel, account, peer, group, thread, agent, id].into_iter().map(String::len).sum()
    }
}

/// The place where a message is answered: channel, account, group, thread, and the peer of a
/// direct message.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Route<'a> {
    channel: &'a str,
    account: &'a str,
    group: &'a str,
    thread: &'a str,
    /// Of a direct message.
    peer: Option<&'a str>,
}

impl<'a> Route<'a> {
    pub(crate) fn of(source: &'a Source) -> Self {
        let Source { channel, account, group, thread, .. } = source;
        let peer = (source.kind == Kind::Direct).then_some(&*source.peer);
        Self { channel, account, group, thread, peer }
    }
}

/// Whether two messages are answered at the same place. No source equals only no source.
pub(crate) fn same_route(a: Option<&Source>, b: Option<&Source>) -> bool {
    a.map(Route::of) == b.map(Route::of)
}

/// Whether two names are one, as keys see it: case and blanks around them do not count.
pub(crate) fn same_name(a: &str, b: &str) -> bool {
    let folded = |name| str::trim(name).chars().flat_map(char::to_lowercase);
    a == b || folded(a).eq(folded(b))
}

/// Whether two messages are for one agent, which is `main` unless named.
pub(crate) fn same_agent(a: Option<&Source>, b: Option<&Source>) -> bool {
    same_name(agent(a), agent(b))
}

fn agent(source: Option<&Source>) -> &str {
    match source.map_or("", |source| source.agent.trim()) {
        "" => "main",
        agent => agent,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn direct(peer: &str) -> Source {
        Source { channel: "irc".into(), peer: peer.into(), ..Source::default() }
    }

    #[test]
    fn a_direct_route_includes_the_peer_and_a_group_route_does_not() {
        assert!(same_route(Some(&direct("ann")), Some(&direct("ann"))));
        assert!(!same_route(Some(&direct("ann")), Some(&direct("bob"))));
        let group = |peer: &str| Source { kind: Kind::Group, ..direct(peer) };
        assert!(same_route(Some(&group("ann")), Some(&group("bob"))));
        assert!(!same_route(Some(&group("ann")), Some(&direct("ann"))));
    }

    #[test]
    fn an_agent_is_main_unless_named_and_case_does_not_count() {
        let to = |agent: &str| Source { agent: agent.into(), ..direct("ann") };
        assert!(
            same_agent(None, Some(&to(" Main "))) && same_agent(Some(&to("OPS")), Some(&to("ops")))
        );
        assert!(!same_agent(None, Some(&to("ops"))));
    }

    #[test]
    fn no_route_equals_only_no_route() {
        assert!(same_route(None, None));
        assert!(!same_route(None, Some(&direct("ann"))));
    }
}
