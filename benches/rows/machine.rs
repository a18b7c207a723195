//! What was measured on, and how busy others kept it.

use std::fs;
use std::hint::black_box;
use std::path::Path;
use std::process::Command;
use std::thread::available_parallelism;
use std::time::Instant;

const HERE: &str = env!("CARGO_MANIFEST_DIR");

/// Facts that a figure means nothing without.
pub struct Machine {
    pub facts: Vec<(&'static str, String)>,
}

fn said_by(program: &str, args: &[&str]) -> Option<String> {
    let output = Command::new(program).args(args).current_dir(HERE).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let line = text.lines().next()?.trim().to_owned();
    (output.status.success() && !line.is_empty()).then_some(line)
}

fn model() -> Option<String> {
    let linux = || {
        let text = fs::read_to_string("/proc/cpuinfo").ok()?;
        let line = text.lines().find(|line| line.starts_with("model name"))?;
        Some(line.split_once(':')?.1.trim().to_owned())
    };
    linux().or_else(|| said_by("sysctl", &["-n", "machdep.cpu.brand_string"]))
}

/// The program's profile, as the manifest has it: `bench` is `release`.
fn profile() -> Option<String> {
    if cfg!(debug_assertions) {
        return Some("debug: these figures mean nothing".to_owned());
    }
    let text = fs::read_to_string(Path::new(HERE).join("Cargo.toml")).ok()?;
    let manifest: toml::Table = text.parse().ok()?;
    let release = manifest.get("profile")?.get("release")?.as_table()?;
    let knobs: Vec<String> =
        release.iter().map(|(name, value)| format!("{name} {value}")).collect();
    Some(format!("release, {}", knobs.join(", ")))
}

fn allocator() -> Option<String> {
    if let Ok(preloaded) = std::env::var("LD_PRELOAD")
        && !preloaded.is_empty()
    {
        return Some(format!("preloaded {preloaded}"));
    }
    let libc = said_by("getconf", &["GNU_LIBC_VERSION"]);
    Some(libc.map_or("the system's".to_owned(), |libc| format!("the system's, {libc}")))
}

impl Machine {
    pub fn look() -> Self {
        let cores = available_parallelism().map_or(0, usize::from);
        let all = [
            ("commit", said_by("git", &["describe", "--always", "--dirty", "--abbrev=10"])),
            ("cores", Some(cores.to_string())),
            ("cpu", model()),
            ("system", said_by("uname", &["-srm"])),
            ("compiler", said_by("rustc", &["--version"])),
            ("build", profile()),
            ("allocator", allocator()),
            ("date", said_by("date", &["-u", "+%Y-%m-%d"])),
        ];
        let known = |(name, fact): (_, Option<String>)| (name, fact.unwrap_or("unknown".into()));
        Self { facts: all.into_iter().map(known).collect() }
    }

    pub fn words(&self) -> String {
        let lines: Vec<String> =
            self.facts.iter().map(|(name, fact)| format!("{name:<10} {fact}")).collect();
        lines.join("\n")
    }

    /// For the foot of a picture.
    pub fn short(&self) -> String {
        let named = |wanted| self.facts.iter().find(|(name, _)| *name == wanted);
        let fact = |wanted| named(wanted).map_or("", |(_, fact)| fact.as_str());
        format!("{} cores, {}, {}, {}", fact("cores"), fact("cpu"), fact("commit"), fact("date"))
    }
}

/// Touches as much memory as most rows need, and gives it back.
///
/// The host of a virtual machine takes away what nobody in it uses for a second or two, and then the first
/// touch of a page takes several times as long. Who came after a pause would pay for what others left
/// to lie; so it is the same for everybody, and as short as it is without a host.
pub fn touch_memory() {
    const BYTES: usize = 512 << 20;
    drop(black_box(vec![1_u8; BYTES]));
}

/// Tells how many cores others kept busy while a child ran.
pub struct Watch {
    began: Instant,
    busy: Option<f64>,
    ours: Option<f64>,
}

/// Linux counts processor time in hundredths, whatever the kernel's own tick is.
const TICKS: f64 = 100.0;

/// Seconds of all processors that were not idle.
fn busy() -> Option<f64> {
    let text = fs::read_to_string("/proc/stat").ok()?;
    let ticks: Vec<f64> =
        text.lines().next()?.split_whitespace().skip(1).filter_map(|n| n.parse().ok()).collect();
    // user, nice, system, then idle and iowait, then irq, softirq, steal.
    let at = |index: usize| ticks.get(index).copied().unwrap_or(0.0);
    Some([0, 1, 2, 5, 6, 7].into_iter().map(at).sum::<f64>() / TICKS)
}

/// Seconds of processors that this process and its ended children used.
fn ours() -> Option<f64> {
    let text = fs::read_to_string("/proc/self/stat").ok()?;
    // The name may have spaces; fields are counted from behind it: utime is the 12th there.
    let fields = text.rsplit_once(')')?.1.split_whitespace();
    let ticks: Vec<f64> = fields.skip(11).take(4).filter_map(|n| n.parse().ok()).collect();
    Some(ticks.iter().sum::<f64>() / TICKS)
}

impl Watch {
    pub fn new() -> Self {
        Self { began: Instant::now(), busy: busy(), ours: ours() }
    }

    /// Cores that were kept busy by others since; nothing where the system does not say.
    pub fn foreign(&self) -> Option<f64> {
        let all = busy()? - self.busy?;
        let own = ours()? - self.ours?;
        Some(((all - own) / self.began.elapsed().as_secs_f64()).max(0.0))
    }
}
