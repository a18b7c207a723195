//! `laneq-peers PEER WORKLOAD`: one workload of `laneq bench` on what a user would pick instead.
//! Prints lines `peer<TAB>workload<TAB>metric<TAB>value`.

mod actors;
mod meter;
mod threads;
mod tokio;
mod workloads;

use std::process::ExitCode;

use self::workloads::{Figure, measure};

/// Workers of every peer, as of ours.
const WORKERS: usize = 2;

/// A closure that waits for its turn.
type Task = Box<dyn FnOnce() + Send>;

/// Runs tasks of one key one at a time.
trait Queue: Send + Sync + 'static {
    /// Whether tasks of one key also run in the order of their submits.
    const ORDERED: bool;

    /// What a key's tasks are given to. Without one, the key is gone.
    type Handle: Send + Sync;

    fn new() -> Self;
    fn handle(&self, key: &str) -> Self::Handle;
    fn submit<F: FnOnce() + Send + 'static>(&self, handle: &Self::Handle, task: F);
    fn submit_by_key<F: FnOnce() + Send + 'static>(&self, key: &str, task: F);
}

fn run(peer: &str, workload: &str, scale: f64) -> Result<Vec<Figure>, String> {
    match peer {
        "tokio-mpsc" => measure::<tokio::Channels>(workload, scale),
        "tokio-mutex" => measure::<tokio::Mutexes>(workload, scale),
        "rayon-mutex" => measure::<threads::Rayon>(workload, scale),
        "std-mpsc" => measure::<threads::Hashed>(workload, scale),
        "ractor" => measure::<actors::Actors>(workload, scale),
        _ => Err(format!(
            "unknown peer {peer:?}: one of tokio-mpsc, tokio-mutex, rayon-mutex, std-mpsc, ractor"
        )),
    }
}

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().collect();
    let [_, peer, workload] = &args[..] else {
        eprintln!("usage: laneq-peers PEER WORKLOAD");
        return ExitCode::from(2);
    };
    let scale = std::env::var("LANEQ_BENCH_SCALE").ok().and_then(|text| text.parse().ok());
    match run(peer, workload, scale.unwrap_or(1.0)) {
        Ok(figures) => {
            for (metric, value) in figures {
                println!("{peer}\t{workload}\t{metric}\t{value:.3}");
            }
            // Runtimes with a million tasks take their time to end; that is not measured.
            std::process::exit(0)
        }
        Err(error) => {
            eprintln!("laneq-peers: {error}");
            ExitCode::FAILURE
        }
    }
}
