//! The way back from a session key to what its source said.

use crate::model::Kind;

/// What a key says, read back. Texts are folded, not as the source wrote them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeyParts {
    /// The kind of place.
    pub kind: Kind,
    /// The agent; empty for cron jobs, hooks and nodes.
    pub agent: String,
    /// The service, where the row keeps it.
    pub channel: String,
    /// The account, where the row keeps it.
    pub account: String,
    /// The person of a direct message, where the row keeps it.
    pub peer: String,
    /// The id of a group, channel, sub-agent, cron job, hook or node.
    pub id: String,
    /// The thread, if there is one.
    pub thread: String,
}

impl KeyParts {
    /// Reads a key that was made from a source; nothing for a key of the host's own making.
    #[must_use]
    pub fn parse(key: &str) -> Option<Self> {
        let of = |kind, id: &str| Some(Self { kind, id: unescaped(id)?, ..Self::default() });
        if let Some(id) = key.strip_prefix("node-") {
            return of(Kind::Node, id);
        }
        match key.split_once(':')? {
            ("cron", id) => of(Kind::Cron, id),
            ("hook", id) => of(Kind::Hook, id),
            ("agent", rest) => Self::of_agent(&rest.split(':').collect::<Vec<_>>()),
            _ => None,
        }
    }

    fn of_agent(segments: &[&str]) -> Option<Self> {
        let (agent, rest) = segments.split_first()?;
        // A service may be called `subagent` too: of its chats, no key alternates so.
        if let ["subagent", ids @ ..] = rest
            && ids.len() % 2 == 1
            && ids.iter().skip(1).step_by(2).all(|segment| *segment == "subagent")
        {
            let ids: Vec<String> = ids.iter().map(|id| unescaped(id)).collect::<Option<_>>()?;
            let id = ids.join(":");
            let agent = unescaped(agent)?;
            return (!id.is_empty()).then(|| Self {
                kind: Kind::Subagent,
                agent,
                id,
                ..Self::default()
            });
        }
        let (rest, thread) = match rest {
            [chat @ .., "thread", thread] if !chat.is_empty() => (chat, *thread),
            chat => (chat, ""),
        };
        let (kind, channel, account, peer, id) = match rest {
            ["main"] => (Kind::Direct, "", "", "", ""),
            ["direct", peer] => (Kind::Direct, "", "", *peer, ""),
            [channel, "direct", peer] => (Kind::Direct, *channel, "", *peer, ""),
            [channel, account, "direct", peer] => (Kind::Direct, *channel, *account, *peer, ""),
            [channel, "group", id] => (Kind::Group, *channel, "", "", *id),
            [channel, "channel", id] => (Kind::Channel, *channel, "", "", *id),
            _ => return None,
        };
        Some(Self {
            kind,
            agent: unescaped(agent)?,
            channel: unescaped(channel)?,
            account: unescaped(account)?,
            peer: unescaped(peer)?,
            id: unescaped(id)?,
            thread: unescaped(thread)?,
        })
    }
}

/// Percent-decodes a segment; nothing if it is not one of ours.
fn unescaped(segment: &str) -> Option<String> {
    if segment.contains(':') {
        return None;
    }
    let mut bytes = Vec::with_capacity(segment.len());
    let mut rest = segment;
    while let Some((before, after)) = rest.split_once('%') {
        bytes.extend_from_slice(before.as_bytes());
        bytes.push(u8::from_str_radix(after.get(..2)?, 16).ok()?);
        rest = after.get(2..)?;
    }
    bytes.extend_from_slice(rest.as_bytes());
    String::from_utf8(bytes).ok()
}
