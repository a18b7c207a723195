//! Bytes as two sources, from which keys are made: a key is read back as what was kept of its source,
//! and two sources share one only if they are alike in everything that is kept. Bytes as a key: what
//! is read of it makes the same key.

#![no_main]

#[path = "../plant.rs"]
mod plant;

use std::sync::LazyLock;

use laneq::{Concurrency, Config, Engine, KeyParts, Kind, ManualClock, Message, Scope, Source};

const SCOPES: [Scope; 4] =
    [Scope::Main, Scope::PerPeer, Scope::PerChannelPeer, Scope::PerAccountChannelPeer];
const KINDS: [Kind; 7] = [
    Kind::Direct,
    Kind::Group,
    Kind::Channel,
    Kind::Subagent,
    Kind::Cron,
    Kind::Hook,
    Kind::Node,
];

/// One engine for each scope, without a worker.
static ENGINES: LazyLock<Vec<Engine>> = LazyLock::new(|| {
    let engine = |scope| {
        let mut config = Config::default();
        config.lanes.values_mut().for_each(|lane| lane.concurrency = Concurrency::Limit(0));
        config.session.dm_scope = scope;
        Engine::builder(config).clock(ManualClock::new()).start().expect("the settings are fine")
    };
    SCOPES.map(engine).into()
});

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Some((first, rest)) = bytes.split_first() else { return };
    let scope = usize::from(first % 4);
    let Ok(text) = std::str::from_utf8(rest) else { return };
    read_back(text);
    let mut fields = text.split('\n');
    let kind = KINDS[usize::from(first >> 2) % 7];
    let one = source(kind, &mut fields);
    let two = source(kind, &mut fields);
    let keys = [&one, &two].map(|source| key(scope, source));
    if let [Some(a), Some(b)] = &keys {
        let alike = kept(scope, &one) == kept(scope, &two);
        assert_eq!(a == b, alike, "{one:?} is {a:?}, {two:?} is {b:?}");
    }
});

fn source<'a>(kind: Kind, fields: &mut impl Iterator<Item = &'a str>) -> Source {
    let mut field = || fields.next().unwrap_or_default().to_owned();
    let mut source = Source { kind, ..Source::default() };
    (source.channel, source.account, source.peer) = (field(), field(), field());
    (source.group, source.thread, source.agent, source.id) = (field(), field(), field(), field());
    source
}

fn key(scope: usize, source: &Source) -> Option<String> {
    let message = Message::from_source(source.clone(), "text");
    match ENGINES[scope].key_of(&message) {
        Err(error) => {
            assert!(error.to_string().contains("empty"), "{error}");
            None
        }
        Ok(key) => {
            assert!(!key.is_empty());
            let parts = KeyParts::parse(&key).unwrap_or_else(|| panic!("our own key, {key:?}"));
            assert_eq!(parts.kind, source.kind, "{key:?}");
            plant::panics(!parts.thread.is_empty() && parts.channel.contains('%'));
            Some(key.to_string())
        }
    }
}

fn fold(text: &str, default: &str) -> String {
    let text = text.trim();
    if text.is_empty() { default.to_owned() } else { text.to_lowercase() }
}

/// What a row keeps of a source.
fn kept(scope: usize, s: &Source) -> Vec<String> {
    let (agent, channel) = (fold(&s.agent, "main"), fold(&s.channel, ""));
    let (peer, thread) = (fold(&s.peer, ""), fold(&s.thread, ""));
    match (s.kind, SCOPES[scope]) {
        (Kind::Direct, Scope::Main) => vec![agent, thread],
        (Kind::Direct, Scope::PerPeer) => vec![agent, peer, thread],
        (Kind::Direct, Scope::PerChannelPeer) => vec![agent, channel, peer, thread],
        (Kind::Direct, _) => vec![agent, channel, fold(&s.account, "default"), peer, thread],
        (Kind::Group | Kind::Channel, _) => vec![agent, channel, fold(&s.group, ""), thread],
        (Kind::Subagent, _) => {
            let parts = s.id.split(":subagent:").map(|part| fold(part, ""));
            [agent].into_iter().chain(parts).collect()
        }
        _ => vec![fold(&s.id, "")],
    }
}

/// Any text as a key.
fn read_back(text: &str) {
    let Some(parts) = KeyParts::parse(text) else { return };
    let mut source = Source { kind: parts.kind, ..Source::default() };
    (source.agent, source.channel) = (parts.agent.clone(), parts.channel.clone());
    (source.account, source.thread) = (parts.account.clone(), parts.thread.clone());
    (source.peer, source.group, source.id) = (parts.peer.clone(), parts.id.clone(), parts.id.clone());
    let scope = match (parts.kind, &*parts.peer, &*parts.channel, &*parts.account) {
        (Kind::Direct, "", ..) => return,
        (Kind::Direct, _, "", "") => 1,
        (Kind::Direct, _, _, "") => 2,
        (Kind::Direct, ..) => 3,
        _ => 0,
    };
    // A text that nobody folded, or with a part that is empty, is no key of ours.
    if let Some(key) = key(scope, &source)
        && let Some(again) = KeyParts::parse(&key)
    {
        let second = KeyParts::parse(&key).expect("it was read");
        assert_eq!(again, second);
    }
}
