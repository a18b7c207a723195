//! Runs a kernel in every way that loom can think of, within bounds, and counts them.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use loom::model::Builder;

use crate::sync::Arc;
use crate::sync::tally::{AtomicU64, Ordering};

fn number(name: &str, default: u64) -> u64 {
    match std::env::var(name) {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("{name}={text:?} is not a number")),
        Err(_) => default,
    }
}

/// How often a kernel was executed.
pub(super) fn executions(kernel: fn(), limit: Duration) -> u64 {
    let count = Arc::new(AtomicU64::new(0));
    let counts = Arc::clone(&count);
    let mut builder = Builder::new();
    // Loom's own variable goes before ours.
    builder.preemption_bound = builder.preemption_bound.or(Some(2));
    builder.max_branches = 20_000;
    builder.max_duration = Some(limit);
    // Loom looks at its clock only then.
    builder.checkpoint_interval = 256;
    builder.check(move || {
        counts.fetch_add(1, Ordering::SeqCst);
        kernel();
    });
    count.load(Ordering::SeqCst)
}

pub(super) fn search(name: &str, kernel: fn()) {
    let limit = Duration::from_secs(number("LANEQ_SECONDS", 12));
    let began = Instant::now();
    let executions = executions(kernel, limit);
    let took = began.elapsed();
    let whole = if took < limit { "all" } else { "the first" };
    eprintln!("{name}: {whole} {executions} executions in {:.1} s", took.as_secs_f64());
}

/// Whether loom finds something wrong in a kernel.
pub(super) fn fails(kernel: fn()) -> bool {
    catch_unwind(AssertUnwindSafe(|| executions(kernel, Duration::from_secs(60)))).is_err()
}
