//! The session key of a message that has none: made from its source.

use laneq::{Kind, Source};

/// Sources that differ in a field that counts never share a key: the separator is escaped.
pub fn of(source: &Source) -> Result<String, String> {
    let place = match source.kind {
        Kind::Direct => return direct(source),
        Kind::Group | Kind::Channel => required("group", &source.group, source.kind)?,
        kind => required("id", &source.id, kind)?,
    };
    let mut key = format!("{}:{}:{}", segment(&source.channel), source.kind, segment(place));
    if !source.thread.is_empty() {
        key = key + ":" + &segment(&source.thread);
    }
    Ok(key)
}

fn direct(source: &Source) -> Result<String, String> {
    let peer = required("peer", &source.peer, source.kind)?;
    Ok(format!("{}:{}:{}", segment(&source.channel), segment(&source.group), segment(peer)))
}

fn required<'a>(name: &str, value: &'a str, kind: Kind) -> Result<&'a str, String> {
    if value.trim().is_empty() {
        return Err(format!("source.{name} is empty: a {kind} source needs it"));
    }
    Ok(value)
}

fn segment(text: &str) -> String {
    text.trim().replace('%', "%25").replace(':', "%3a")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(kind: Kind, group: &str, peer: &str) -> Source {
        Source {
            channel: "irc".into(),
            kind,
            group: group.into(),
            peer: peer.into(),
            ..Source::default()
        }
    }

    #[test]
    fn a_direct_message_is_keyed_by_channel_group_and_peer() {
        assert_eq!(of(&source(Kind::Direct, "ubuntu", "ann")), Ok("irc:ubuntu:ann".into()));
    }

    #[test]
    fn a_group_is_one_session_for_all_its_people() {
        let key = |peer| of(&source(Kind::Group, "ubuntu", peer));
        assert_eq!(key("ann"), key("bob"));
    }

    #[test]
    fn a_separator_in_a_name_cannot_make_two_sources_one() {
        let one = of(&source(Kind::Direct, "a:b", "c"));
        assert_ne!(one, of(&source(Kind::Direct, "a", "b:c")));
    }

    #[test]
    fn an_empty_peer_is_an_error_and_not_a_shared_key() {
        assert!(of(&source(Kind::Direct, "ubuntu", " ")).is_err_and(|e| e.contains("source.peer")));
    }
}
