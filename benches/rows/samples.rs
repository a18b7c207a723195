//! One process, one row; its figures, and those of the rounds.

use std::collections::BTreeMap;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::machine::Watch;
use super::peers::Peer;

/// A process that takes longer than this hangs.
const LONG: Duration = Duration::from_secs(600);

/// Whose figure it is, of which row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Figure<'a> {
    pub who: &'a str,
    pub row: &'a str,
    pub metric: &'a str,
}

/// The figures of all rounds.
#[derive(Default)]
pub struct Samples {
    /// By who, row and metric: the value of each round that has one.
    all: BTreeMap<(String, String, String), BTreeMap<u32, f64>>,
    /// Who and row, in the order of the plan.
    cells: Vec<(String, String)>,
    /// Cores that others kept busy, process by process.
    pub foreign: Vec<f64>,
    pub failures: Vec<String>,
}

/// Median, least and most.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    pub median: f64,
    pub min: f64,
    pub max: f64,
}

impl Spread {
    pub fn of(mut values: Vec<f64>) -> Option<Self> {
        values.sort_by(f64::total_cmp);
        let (min, max) = (*values.first()?, *values.last()?);
        let half = values.len() / 2;
        let median = match values.len() % 2 {
            1 => values[half],
            _ => f64::midpoint(values[half - 1], values[half]),
        };
        Some(Self { median, min, max })
    }
}

impl Samples {
    /// Runs one process and keeps what it says; a failure is kept, too, and the round goes on.
    pub fn take(&mut self, round: u32, peer: &Peer, row: &str, scale: f64) {
        let cell = (peer.name.clone(), row.to_owned());
        if !self.cells.contains(&cell) {
            self.cells.push(cell);
        }
        let watch = Watch::new();
        match run(peer, row, scale) {
            Ok(text) => {
                for (metric, value) in text.lines().filter_map(figure) {
                    let name = (peer.name.clone(), row.to_owned(), metric);
                    self.all.entry(name).or_default().insert(round, value);
                }
                self.foreign.extend(watch.foreign());
            }
            Err(_) if peer.may_refuse => {}
            Err(error) => {
                eprintln!("{} {row}: {error}", peer.name);
                self.failures.push(format!("{} {row}: {error}", peer.name));
            }
        }
    }

    pub fn rounds(&self, figure: Figure<'_>) -> Option<&BTreeMap<u32, f64>> {
        let Figure { who, row, metric } = figure;
        self.all.get(&(who.to_owned(), row.to_owned(), metric.to_owned()))
    }

    pub fn spread(&self, figure: Figure<'_>) -> Option<Spread> {
        Spread::of(self.rounds(figure)?.values().copied().collect())
    }

    /// The spread of what `of` makes of two figures of the same round.
    pub fn paired(
        &self,
        one: Figure<'_>,
        other: Figure<'_>,
        of: fn(f64, f64) -> f64,
    ) -> Option<Spread> {
        let (one, other) = (self.rounds(one)?, self.rounds(other)?);
        let both = one.iter().filter_map(|(round, a)| Some(of(*a, *other.get(round)?)));
        Spread::of(both.collect())
    }

    /// All figures, row by row in the order in which they were first measured.
    pub fn figures(&self) -> impl Iterator<Item = (Figure<'_>, Vec<f64>)> {
        self.cells.iter().flat_map(|(who, row)| {
            let of = |name: &&(String, String, String)| (&name.0, &name.1) == (who, row);
            self.all.iter().filter(move |(name, _)| of(name)).map(|((who, row, metric), values)| {
                (Figure { who, row, metric }, values.values().copied().collect())
            })
        })
    }

    /// Whoever has this figure, in the order of their names.
    pub fn who_has(&self, row: &str, metric: &str) -> Vec<&str> {
        let has = |(_, r, m): &(String, String, String)| r == row && m == metric;
        self.all.keys().filter(|name| has(name)).map(|(who, ..)| who.as_str()).collect()
    }

    pub fn mean_foreign(&self) -> Option<f64> {
        let n = u32::try_from(self.foreign.len()).ok().filter(|n| *n > 0)?;
        Some(self.foreign.iter().sum::<f64>() / f64::from(n))
    }
}

/// The last two fields of `name<TAB>row<TAB>metric<TAB>value`.
fn figure(line: &str) -> Option<(String, f64)> {
    let fields: Vec<&str> = line.split('\t').collect();
    let [_, _, metric, value] = fields[..] else { return None };
    Some((metric.to_owned(), value.parse().ok().filter(|value: &f64| value.is_finite())?))
}

fn run(peer: &Peer, row: &str, scale: f64) -> Result<String, String> {
    let (program, args) = peer.command.split_first().ok_or("no command")?;
    let mut child = Command::new(program)
        .args(args)
        .arg(row)
        .env("LANEQ_BENCH_SCALE", scale.to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| format!("{program}: {error}"))?;
    let (out, err) = (reader(child.stdout.take()), reader(child.stderr.take()));
    let ended = end(&mut child)?;
    let (out, err) = (joined(out), joined(err));
    if !ended {
        return Err(err.lines().last().unwrap_or("it failed, and did not say why").to_owned());
    }
    Ok(out)
}

fn reader(pipe: Option<impl std::io::Read + Send + 'static>) -> thread::JoinHandle<String> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut pipe) = pipe {
            // What could be read until then is kept.
            let _ = pipe.read_to_end(&mut bytes);
        }
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

fn joined(reader: thread::JoinHandle<String>) -> String {
    reader.join().unwrap_or_default()
}

/// Whether it ended well.
fn end(child: &mut Child) -> Result<bool, String> {
    let began = Instant::now();
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Ok(status.success()),
            Ok(None) if began.elapsed() < LONG => thread::sleep(Duration::from_millis(20)),
            Ok(None) => {
                // It may just have ended.
                let _ = child.kill();
                let _ = child.wait();
                return Err(format!("not finished after {LONG:?}"));
            }
            Err(error) => return Err(error.to_string()),
        }
    }
}
