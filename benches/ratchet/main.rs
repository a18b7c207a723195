//! What an operation costs in instructions, held against a committed figure:
//! `cargo run --locked --release --example ratchet`. Time depends on the machine and on who else
//! uses it; instructions, counted by valgrind, depend on the code and the compiler.
//!
//! Each row is counted at N and at 2 N operations: the difference has no start in it. In the end one
//! more cost is planted into each row, which has to be found.

mod figures;
mod rows;

use std::process::{Command, ExitCode};

use self::figures::{Figures, Judged, Maker, judge};
use self::rows::{Planted, ROWS};

/// What went wrong, in words.
type Failure = Box<dyn std::error::Error + Send + Sync>;

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/ratchet.tsv");
const COMMAND: &str = "LANEQ_BLESS=1 cargo run --locked --release --example ratchet";

/// Operations of the shorter of the two counts.
const N: u64 = 8_192;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let ended = match args[..] {
        [] => check(),
        ["row", name, n] => rows::run(name, n, Planted::No).map(|()| true),
        ["planted", name, n] => rows::run(name, n, Planted::Yes).map(|()| true),
        _ => Err("it takes no arguments".into()),
    };
    match ended {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("ratchet: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Counts all rows and holds them against the file; answers whether none costs too much.
fn check() -> Result<bool, Failure> {
    if cfg!(debug_assertions)
        || cfg!(any(
            feature = "cli",
            feature = "capi",
            feature = "journal",
            not(feature = "inline-closures")
        ))
    {
        return Err("it counts the release build with default features: --release".into());
    }
    let mut now = Figures::new(Maker::here()?);
    for name in ROWS {
        now.set(name, instructions("row", name)?);
    }
    plant(&now)?;
    if std::env::var_os("LANEQ_BLESS").is_some() {
        std::fs::write(FILE, now.text())?;
        print!("{}", now.text());
        return Ok(true);
    }
    let before = std::fs::read_to_string(FILE).map_err(|e| format!("{FILE}: {e}; {COMMAND}"))?;
    Ok(hold(&Figures::read(&before)?, &now))
}

/// Says how each row stands, and whether all may stay so.
fn hold(before: &Figures, now: &Figures) -> bool {
    let strict = before.maker == now.maker;
    if !strict {
        println!("counted with {}, the file with {}: reported only", now.maker, before.maker);
    }
    let mut fine = true;
    for name in ROWS {
        let (was, is) = (before.get(name), now.get(name).unwrap_or_default());
        let judged = judge(was, is);
        fine &= !judged.fails();
        let was = was.map_or("-".to_owned(), |was| format!("{was:.0}"));
        println!("{name:<10}{was:>8} -> {is:>8.0} instructions  {}", judged.words());
    }
    if !fine {
        println!("more than 3 % above {FILE}: find the cost, or accept it with\n  {COMMAND}");
    }
    fine || !strict
}

/// A check that cannot fail is none: the planted cost must fail every row.
fn plant(now: &Figures) -> Result<(), Failure> {
    for name in ROWS {
        let planted = instructions("planted", name)?;
        if judge(now.get(name), planted) != Judged::Worse {
            let was = now.get(name).unwrap_or_default();
            return Err(format!("{name}: a planted cost is not found: {was} -> {planted}").into());
        }
    }
    println!("a cost that is planted into a row is found in each of {}", ROWS.len());
    Ok(())
}

/// Instructions of one operation of a row.
fn instructions(what: &str, row: &str) -> Result<f64, Failure> {
    let (once, twice) = (least(what, row, N)?, least(what, row, 2 * N)?);
    let difference = twice.checked_sub(once).ok_or("twice as many took less")?;
    #[allow(clippy::cast_precision_loss)]
    Ok(difference as f64 / N as f64)
}

/// The least of three counts: one in some twenty has a wait in it that takes longer.
fn least(what: &str, row: &str, n: u64) -> Result<u64, Failure> {
    let counts = [(); 3].map(|()| collected(what, row, n));
    counts.into_iter().try_fold(u64::MAX, |least, count| Ok(least.min(count?)))
}

/// Instructions of a whole process.
fn collected(what: &str, row: &str, n: u64) -> Result<u64, Failure> {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(std::env::current_exe()?)
        .args([what, row, &n.to_string()])
        .output()
        .map_err(|error| format!("valgrind: {error}"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    let line = said.lines().find_map(|line| line.split_once("Collected : "));
    match line.filter(|_| output.status.success()) {
        Some((_, count)) => Ok(count.trim().parse()?),
        None => Err(format!("{what} {row}: {said}").into()),
    }
}
