//! From a source to its session key: one pure function.

use std::fmt::Write as _;

use super::identity::Identities;
use crate::config::SessionKnobs;
use crate::model::{Kind, Scope, Source};

/// The agent of a source that names none, and the account.
const AGENT: &str = "main";
const ACCOUNT: &str = "default";

/// The session key of a source. Sources that differ, after trimming and folding, in a field that
/// their row keeps, never share one.
///
/// # Errors
/// Words for what is missing: an empty peer is an error, never a shared key.
pub(crate) fn key(source: &Source, knobs: &SessionKnobs) -> Result<String, String> {
    let agent = folded(&source.agent, AGENT);
    let id = |name, value| required(name, value, source.kind);
    match source.kind {
        Kind::Direct => direct(source, &agent, knobs),
        Kind::Group | Kind::Channel => {
            let (channel, group) = (folded(&source.channel, ""), id("group", &source.group)?);
            let base = format!("agent:{agent}:{channel}:{}:{group}", source.kind);
            Ok(with_thread(base, source))
        }
        Kind::Subagent => Ok(format!("agent:{agent}:subagent:{}", nested(&source.id)?)),
        Kind::Cron => Ok(format!("cron:{}", id("id", &source.id)?)),
        Kind::Hook => Ok(format!("hook:{}", id("id", &source.id)?)),
        Kind::Node => Ok(format!("node-{}", id("id", &source.id)?)),
    }
}

fn direct(source: &Source, agent: &str, knobs: &SessionKnobs) -> Result<String, String> {
    let peer = required("peer", &source.peer, source.kind)?;
    let (channel, person) = (folded(&source.channel, ""), person(source, peer, knobs));
    let base = match knobs.dm_scope {
        Scope::Main => format!("agent:{agent}:main"),
        Scope::PerPeer => format!("agent:{agent}:direct:{person}"),
        Scope::PerChannelPeer => format!("agent:{agent}:{channel}:direct:{person}"),
        Scope::PerAccountChannelPeer => {
            let account = folded(&source.account, ACCOUNT);
            format!("agent:{agent}:{channel}:{account}:direct:{person}")
        }
    };
    Ok(with_thread(base, source))
}

/// The segment of a person: the linked name, or the peer's own. A stranger who calls himself
/// like a linked person does not become that person: his first character is escaped.
fn person(source: &Source, peer: String, knobs: &SessionKnobs) -> String {
    let people = Identities(&knobs.identity_links);
    if let Some(name) = people.person(&source.channel, &source.peer) {
        return folded(name, "");
    }
    if people.is_person(&source.peer.trim().to_lowercase()) {
        return escape_first(&peer);
    }
    peer
}

fn escape_first(segment: &str) -> String {
    let mut chars = segment.chars();
    let first = chars.next().unwrap_or('%');
    let mut bytes = [0; 4];
    let mut escaped = String::new();
    for byte in first.encode_utf8(&mut bytes).bytes() {
        // A string takes everything that is written into it.
        let _ = write!(escaped, "%{byte:02x}");
    }
    escaped + chars.as_str()
}

/// A thread is a conversation of its own within any chat.
fn with_thread(base: String, source: &Source) -> String {
    match folded(&source.thread, "") {
        thread if thread.is_empty() => base,
        thread => format!("{base}:thread:{thread}"),
    }
}

/// `outer:subagent:inner` is a sub-agent of a sub-agent.
fn nested(id: &str) -> Result<String, String> {
    let parts: Result<Vec<String>, String> =
        id.split(":subagent:").map(|part| required("id", part, Kind::Subagent)).collect();
    Ok(parts?.join(":subagent:"))
}

fn required(name: &str, value: &str, kind: Kind) -> Result<String, String> {
    match folded(value, "") {
        folded if folded.is_empty() => {
            Err(format!("source.{name} is empty: a source of kind {kind} needs it"))
        }
        folded => Ok(folded),
    }
}

/// Trimmed, in lower case, and escaped, so that it is one segment of a key.
fn folded(value: &str, default: &str) -> String {
    let trimmed = value.trim();
    let value = if trimmed.is_empty() { default } else { trimmed };
    let mut segment = String::with_capacity(value.len());
    for c in value.to_lowercase().chars() {
        match c {
            '%' => segment.push_str("%25"),
            ':' => segment.push_str("%3a"),
            c => segment.push(c),
        }
    }
    segment
}

#[cfg(test)]
mod tests {
    use super::super::KeyParts;
    use proptest::prelude::*;

    use super::*;

    fn source(kind: Kind) -> Source {
        Source {
            channel: " Discord ".into(),
            account: "Work".into(),
            kind,
            peer: "Ann".into(),
            group: "G:1".into(),
            thread: String::new(),
            agent: String::new(),
            id: "Daily".into(),
        }
    }

    fn scoped(dm_scope: Scope) -> SessionKnobs {
        SessionKnobs { dm_scope, ..SessionKnobs::default() }
    }

    fn key_of(source: &Source, scope: Scope) -> String {
        key(source, &scoped(scope)).expect("a complete source")
    }

    fn linked(dm_scope: Scope) -> SessionKnobs {
        let mut knobs = scoped(dm_scope);
        let words = vec!["telegram:1".to_owned(), "discord:2".to_owned()];
        knobs.identity_links.insert("Alice".to_owned(), words);
        knobs
    }

    fn from(channel: &str, peer: &str) -> Source {
        Source { channel: channel.into(), peer: peer.into(), ..Source::default() }
    }

    #[test]
    fn a_linked_person_is_one_across_channels_as_far_as_the_scope_goes() {
        let keys = |scope| {
            let knobs = linked(scope);
            [("telegram", "1"), ("discord", "2")]
                .map(|(channel, peer)| key(&from(channel, peer), &knobs).expect("complete"))
        };
        assert_eq!(keys(Scope::Main), ["agent:main:main"; 2]);
        assert_eq!(keys(Scope::PerPeer), ["agent:main:direct:alice"; 2]);
        let two = ["agent:main:telegram:direct:alice", "agent:main:discord:direct:alice"];
        assert_eq!(keys(Scope::PerChannelPeer), two);
    }

    #[test]
    fn a_stranger_with_the_name_of_a_linked_person_has_a_key_of_his_own() {
        let stranger = key(&from("irc", "ALICE"), &linked(Scope::PerPeer)).expect("complete");
        assert_eq!(stranger, "agent:main:direct:%61lice");
        assert_eq!(KeyParts::parse(&stranger).expect("our own").peer, "alice");
    }

    #[test]
    fn each_row_gives_exactly_its_key() {
        let direct = source(Kind::Direct);
        for (scope, expected) in [
            (Scope::Main, "agent:main:main"),
            (Scope::PerPeer, "agent:main:direct:ann"),
            (Scope::PerChannelPeer, "agent:main:discord:direct:ann"),
            (Scope::PerAccountChannelPeer, "agent:main:discord:work:direct:ann"),
        ] {
            assert_eq!(key_of(&direct, scope), expected);
        }
        for (kind, expected) in [
            (Kind::Group, "agent:main:discord:group:g%3a1"),
            (Kind::Channel, "agent:main:discord:channel:g%3a1"),
            (Kind::Subagent, "agent:main:subagent:daily"),
            (Kind::Cron, "cron:daily"),
            (Kind::Hook, "hook:daily"),
            (Kind::Node, "node-daily"),
        ] {
            assert_eq!(key_of(&source(kind), Scope::PerPeer), expected);
        }
    }

    #[test]
    fn a_thread_is_a_suffix_and_an_agent_a_segment() {
        let group = Source { thread: "T9".into(), agent: "Ops".into(), ..source(Kind::Group) };
        assert_eq!(key_of(&group, Scope::Main), "agent:ops:discord:group:g%3a1:thread:t9");
        let direct = Source { kind: Kind::Direct, ..group };
        assert_eq!(key_of(&direct, Scope::Main), "agent:ops:main:thread:t9");
    }

    #[test]
    fn a_sub_agent_of_a_sub_agent_has_both_ids() {
        let inner = Source { id: "outer:subagent:In:ner".into(), ..source(Kind::Subagent) };
        assert_eq!(key_of(&inner, Scope::Main), "agent:main:subagent:outer:subagent:in%3aner");
        let ours = Source { agent: "a:B".into(), ..source(Kind::Subagent) };
        let parts = KeyParts::parse(&key_of(&ours, Scope::Main)).expect("our own");
        assert_eq!((&*parts.agent, &*parts.id), ("a:b", "daily"));
    }

    #[test]
    fn a_service_called_subagent_is_no_sub_agent() {
        for (kind, peer) in [(Kind::Direct, "ann"), (Kind::Group, ""), (Kind::Channel, "")] {
            let chat = Source { channel: "Subagent".into(), thread: "T".into(), ..source(kind) };
            for scope in [Scope::PerChannelPeer, Scope::PerAccountChannelPeer] {
                let parts = KeyParts::parse(&key_of(&chat, scope)).expect("our own");
                let read = (parts.kind, &*parts.channel, &*parts.peer, &*parts.thread);
                assert_eq!(read, (kind, "subagent", peer, "t"));
            }
        }
    }

    #[test]
    fn a_missing_account_is_the_default_one() {
        let missing = Source { account: " ".into(), ..source(Kind::Direct) };
        let key = key_of(&missing, Scope::PerAccountChannelPeer);
        assert_eq!(key, "agent:main:discord:default:direct:ann");
    }

    #[test]
    fn what_a_row_needs_and_is_empty_is_an_error_that_names_it() {
        for (kind, field) in [
            (Kind::Direct, "source.peer"),
            (Kind::Group, "source.group"),
            (Kind::Channel, "source.group"),
            (Kind::Subagent, "source.id"),
            (Kind::Cron, "source.id"),
            (Kind::Hook, "source.id"),
            (Kind::Node, "source.id"),
        ] {
            let empty = Source { kind, ..Source::default() };
            let error = key(&empty, &scoped(Scope::Main)).expect_err("it is empty");
            assert!(error.contains(field), "{kind}: {error}");
        }
    }

    /// The fields that a row keeps, folded: the model of what may share a key.
    fn kept(s: &Source, scope: Scope) -> Vec<String> {
        let fold = |text: &str, default: &str| {
            let text = text.trim().to_lowercase();
            if text.is_empty() { default.to_owned() } else { text }
        };
        let (agent, channel) = (fold(&s.agent, "main"), fold(&s.channel, ""));
        let thread = fold(&s.thread, "");
        let mut row = vec![s.kind.to_string()];
        row.extend(match s.kind {
            Kind::Direct => match scope {
                Scope::Main => vec![agent, thread],
                Scope::PerPeer => vec![agent, fold(&s.peer, ""), thread],
                Scope::PerChannelPeer => vec![agent, channel, fold(&s.peer, ""), thread],
                Scope::PerAccountChannelPeer => {
                    vec![agent, channel, fold(&s.account, "default"), fold(&s.peer, ""), thread]
                }
            },
            Kind::Group | Kind::Channel => vec![agent, channel, fold(&s.group, ""), thread],
            Kind::Subagent => {
                let parts = s.id.split(":subagent:").map(|part| fold(part, ""));
                std::iter::once(agent).chain(parts).collect()
            }
            _ => vec![fold(&s.id, "")],
        });
        row
    }

    /// Short words over the characters that could confuse a key.
    fn word() -> impl Strategy<Value = String> {
        prop_oneof![
            "[aAbB:% ]{0,4}",
            Just("direct".to_owned()),
            Just("main".to_owned()),
            Just("thread".to_owned()),
            Just("group".to_owned()),
            Just("subagent".to_owned()),
            Just("x:subagent:y".to_owned()),
            "\\PC{0,3}",
        ]
    }

    fn any_source() -> impl Strategy<Value = Source> {
        let kinds = [
            Kind::Direct,
            Kind::Group,
            Kind::Channel,
            Kind::Subagent,
            Kind::Cron,
            Kind::Hook,
            Kind::Node,
        ];
        let words = (word(), word(), word(), word(), word(), word(), word());
        (prop::sample::select(kinds.to_vec()), words).prop_map(
            |(kind, (channel, account, peer, group, thread, agent, id))| Source {
                channel,
                account,
                kind,
                peer,
                group,
                thread,
                agent,
                id,
            },
        )
    }

    fn any_scope() -> impl Strategy<Value = Scope> {
        prop::sample::select(vec![
            Scope::Main,
            Scope::PerPeer,
            Scope::PerChannelPeer,
            Scope::PerAccountChannelPeer,
        ])
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4000))]

        #[test]
        fn sources_share_a_key_exactly_if_they_agree_in_what_their_row_keeps(
            a in any_source(), b in any_source(), scope in any_scope(),
        ) {
            let knobs = scoped(scope);
            if let (Ok(left), Ok(right)) = (key(&a, &knobs), key(&b, &knobs)) {
                prop_assert_eq!(left == right, kept(&a, scope) == kept(&b, scope));
            }
        }

        #[test]
        fn one_persons_keys_of_different_scopes_never_collide(
            a in any_source(), one in any_scope(), other in any_scope(),
        ) {
            let direct = Source { kind: Kind::Direct, ..a };
            let keys = (key(&direct, &scoped(one)), key(&direct, &scoped(other)));
            if let (Ok(left), Ok(right)) = keys {
                prop_assert_eq!(left == right, one == other);
            }
        }

        #[test]
        fn a_key_reads_back_as_its_parts(a in any_source(), scope in any_scope()) {
            if let Ok(key) = key(&a, &scoped(scope)) {
                let parts = KeyParts::parse(&key).expect("our own key");
                prop_assert_eq!(parts.kind, a.kind);
                if matches!(a.kind, Kind::Group | Kind::Channel) {
                    prop_assert_eq!(parts.id, a.group.trim().to_lowercase());
                    prop_assert_eq!(parts.thread, a.thread.trim().to_lowercase());
                }
            }
        }
    }
}
