//! Words in a text that are for the queue, not for the agent: `/stop`, `/queue`, `/steer`.

use std::time::Duration;

use crate::model::{Drop, Knobs, Mode};

/// What a text turned out to be.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Directive {
    /// An ordinary message.
    Absent,
    /// Control: nothing is admitted.
    Alone(Word),
    /// A message with knobs of its own; the text is what is left.
    Inline(Knobs, String),
    /// A wrong word: nothing changes, and these words say what would be right.
    Wrong(String),
}

/// A directive that stands alone.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Word {
    Stop,
    /// What is in force, and how much waits?
    Show,
    Reset,
    Set(Knobs),
}

const RIGHT: &str = "/queue collect|followup|steer|steer-backlog|interrupt [debounce:2s] [cap:25] \
    [drop:old|new|summarize], /queue reset, or /queue alone";

/// Reads a text.
pub(crate) fn read(text: &str) -> Directive {
    let trimmed = text.trim();
    if trimmed.eq_ignore_ascii_case("/stop") {
        return Directive::Alone(Word::Stop);
    }
    if let Some(rest) = after(trimmed, "/steer") {
        let knobs = Knobs { mode: Some(Mode::Steer), ..Knobs::default() };
        return match rest.trim() {
            "" => Directive::Wrong("/steer needs a text: /steer <text>".to_owned()),
            rest => Directive::Inline(knobs, rest.to_owned()),
        };
    }
    match after(trimmed, "/queue") {
        Some(rest) => leading(rest),
        None => inside(trimmed),
    }
}

/// What follows this word at the beginning of a text; the word ends at a blank or a colon.
fn after<'a>(text: &'a str, word: &str) -> Option<&'a str> {
    let head = text.get(..word.len())?;
    let rest = &text[word.len()..];
    let ends = rest.is_empty() || rest.starts_with(|c: char| c.is_whitespace() || c == ':');
    (ends && head.eq_ignore_ascii_case(word)).then(|| rest.strip_prefix(':').unwrap_or(rest))
}

/// A text that begins with `/queue`.
fn leading(rest: &str) -> Directive {
    match rest.trim() {
        "" => return Directive::Alone(Word::Show),
        word if is_reset(word) => return Directive::Alone(Word::Reset),
        _ => {}
    }
    match knobs(rest) {
        Err(wrong) => Directive::Wrong(format!("{wrong}. Right would be: {RIGHT}")),
        Ok((knobs, "")) => Directive::Alone(Word::Set(knobs)),
        Ok((knobs, left)) => Directive::Inline(knobs, left.to_owned()),
    }
}

fn is_reset(word: &str) -> bool {
    ["reset", "default", "clear"].iter().any(|reset| word.eq_ignore_ascii_case(reset))
}

/// `/queue` in the middle of a text: an inline directive if a knob follows, else just words.
fn inside(text: &str) -> Directive {
    let slashes =
        text.match_indices('/').filter(|(at, _)| text[..*at].ends_with(char::is_whitespace));
    let mut found = slashes.filter_map(|(at, _)| Some((at, after(&text[at..], "/queue")?)));
    let Some((at, rest)) = found.next() else { return Directive::Absent };
    match knobs(rest) {
        Ok((knobs, left)) => {
            let text = format!("{} {left}", text[..at].trim_end());
            Directive::Inline(knobs, text.trim().to_owned())
        }
        Err(_) => Directive::Absent,
    }
}

/// The knobs at the beginning of `rest`, at least one, and the text after them.
fn knobs(rest: &str) -> Result<(Knobs, &str), String> {
    let mut knobs = Knobs::default();
    let mut rest = rest.trim_start();
    while let Some(word) = rest.split_whitespace().next() {
        match knob(&mut knobs, word) {
            Ok(Taken::Yes) => rest = rest[word.len()..].trim_start(),
            Ok(Taken::No) if knobs == Knobs::default() => {
                return Err(format!("{word:?} is no mode and no knob"));
            }
            Ok(Taken::No) => break,
            Err(wrong) => return Err(wrong),
        }
    }
    if knobs == Knobs::default() {
        return Err("a mode or a knob is missing".to_owned());
    }
    Ok((knobs, rest))
}

#[derive(PartialEq, Eq)]
enum Taken {
    Yes,
    No,
}

/// Takes one word in, if it is a knob that is not set yet.
fn knob(knobs: &mut Knobs, word: &str) -> Result<Taken, String> {
    let lower = word.to_lowercase();
    if let Some((name, value)) = lower.split_once([':', '=']) {
        match name {
            "debounce" => knobs.debounce = Some(duration(value)?),
            "cap" => knobs.cap = Some(cap(value)?),
            "drop" => knobs.drop = Some(policy(value)?),
            _ => return Ok(Taken::No),
        }
        return Ok(Taken::Yes);
    }
    match mode(&lower) {
        Some(mode) if knobs.mode.is_none() => {
            knobs.mode = Some(mode);
            Ok(Taken::Yes)
        }
        _ => Ok(Taken::No),
    }
}

/// Every spelling that `OpenClaw` accepts.
fn mode(word: &str) -> Option<Mode> {
    Some(match word {
        "collect" | "coalesce" => Mode::Collect,
        "followup" | "followups" | "follow-ups" => Mode::Followup,
        "steer" | "steering" | "queue" | "queued" => Mode::Steer,
        "steer-backlog" | "steer+backlog" | "steer_backlog" => Mode::SteerBacklog,
        "interrupt" | "interrupts" | "abort" => Mode::Interrupt,
        _ => return None,
    })
}

fn policy(word: &str) -> Result<Drop, String> {
    match word {
        "old" | "oldest" => Ok(Drop::Old),
        "new" | "newest" => Ok(Drop::New),
        "summarize" | "summary" => Ok(Drop::Summarize),
        _ => Err(format!("drop:{word}: one of old, new, summarize")),
    }
}

fn cap(word: &str) -> Result<u32, String> {
    let number = word.parse().ok().filter(|n| (1..=100_000).contains(n));
    number.ok_or_else(|| format!("cap:{word}: a whole number from 1 to 100000"))
}

const LONGEST: Duration = Duration::from_secs(600);

/// `2s`, `500ms`, `0.5s`, or bare milliseconds.
fn duration(word: &str) -> Result<Duration, String> {
    let digits = word.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match &word[digits.len()..] {
        "" | "ms" => Some(1e-3),
        "s" => Some(1.0),
        "m" => Some(60.0),
        "h" => Some(3600.0),
        _ => None,
    };
    let seconds = digits.parse::<f64>().ok().zip(unit).map(|(number, unit)| number * unit);
    let duration = seconds.and_then(|s| Duration::try_from_secs_f64(s).ok());
    duration
        .filter(|d| *d <= LONGEST)
        .ok_or_else(|| format!("debounce:{word}: a duration from 0ms to 10m, such as 2s"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(text: &str) -> Knobs {
        match read(text) {
            Directive::Alone(Word::Set(knobs)) => knobs,
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn a_standalone_queue_sets_shows_or_resets() {
        assert_eq!(read("/queue"), Directive::Alone(Word::Show));
        assert_eq!(read(" /Queue  RESET "), Directive::Alone(Word::Reset));
        assert_eq!(read("/stop\n"), Directive::Alone(Word::Stop));
        let knobs = set("/queue collect debounce:0.5s cap:25 drop:old");
        let expected = Knobs {
            mode: Some(Mode::Collect),
            debounce: Some(Duration::from_millis(500)),
            cap: Some(25),
            drop: Some(Drop::Old),
        };
        assert_eq!(knobs, expected);
        assert_eq!(set("/queue cap=5").cap, Some(5));
        assert_eq!(set("/queue:debounce:250").debounce, Some(Duration::from_millis(250)));
    }

    #[test]
    fn every_accepted_spelling_of_a_mode_is_read() {
        for (word, mode) in [
            ("coalesce", Mode::Collect),
            ("follow-ups", Mode::Followup),
            ("STEERING", Mode::Steer),
            ("queued", Mode::Steer),
            ("steer+backlog", Mode::SteerBacklog),
            ("steer_backlog", Mode::SteerBacklog),
            ("abort", Mode::Interrupt),
        ] {
            assert_eq!(set(&format!("/queue {word}")).mode, Some(mode));
        }
        assert_eq!(set("/queue drop:newest").drop, Some(Drop::New));
        assert_eq!(set("/queue drop:summary").drop, Some(Drop::Summarize));
    }

    #[test]
    fn a_wrong_word_says_what_would_be_right() {
        for (text, word) in [
            ("/queue foo", "\"foo\""),
            ("/queue collect debounce:fast", "debounce:fast"),
            ("/queue cap:0", "1 to 100000"),
            ("/queue drop:none", "old, new, summarize"),
            ("/steer  ", "/steer <text>"),
        ] {
            let Directive::Wrong(words) = read(text) else { panic!("{text}") };
            assert!(words.contains(word), "{words}");
        }
    }

    #[test]
    fn inline_it_applies_to_the_message_and_its_words_go() {
        let Directive::Inline(knobs, text) = read("/queue interrupt stop that, do this") else {
            panic!("inline");
        };
        assert_eq!((knobs.mode, &*text), (Some(Mode::Interrupt), "stop that, do this"));
        let Directive::Inline(knobs, text) = read("look here /queue steer cap:3 please") else {
            panic!("inline");
        };
        assert_eq!((knobs.cap, &*text), (Some(3), "look here please"));
        let Directive::Inline(knobs, text) = read("a/queue then\n/Queue:Steer do it") else {
            panic!("inline");
        };
        assert_eq!((knobs.mode, &*text), (Some(Mode::Steer), "a/queue then do it"));
        let Directive::Inline(knobs, text) = read("/steer  use the other file") else {
            panic!("inline");
        };
        assert_eq!((knobs.mode, &*text), (Some(Mode::Steer), "use the other file"));
    }

    #[test]
    fn words_that_only_look_like_directives_are_text() {
        for text in [
            "what does /queue do?",
            "see a/queue steer",
            "/stop it",
            "/queued",
            "/steering wheel",
            "\u{130}/queue",
        ] {
            assert_eq!(read(text), Directive::Absent, "{text}");
        }
    }
}
