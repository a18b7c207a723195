//! Who goes next, by the seed of the schedule alone: so a seed is all that a replay needs.

use shuttle::scheduler::{Schedule, Scheduler, Task, TaskId};

/// `SplitMix64`.
pub(super) struct Rng(u64);

impl Rng {
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ self.0 >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ z >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ z >> 31
    }

    pub(super) fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }
}

/// How the next task is chosen.
enum Way {
    /// Anybody, with equal chance, but with one chance in `often` only.
    Random { often: u64 },
    /// Probabilistic concurrency testing: who has the highest priority, which few steps change.
    Priorities { of: Vec<u64>, changes: Vec<u64>, lowest: u64 },
}

/// One schedule a seed, one after the other.
pub(super) struct Dice {
    next: u64,
    end: u64,
    /// Told to whoever reports a failure.
    current: super::rig::Seed,
    rng: Rng,
    way: Way,
    steps: u64,
}

impl Dice {
    pub(super) fn new(seeds: std::ops::Range<u64>, current: super::rig::Seed) -> Self {
        let (next, end) = (seeds.start, seeds.end);
        Self { next, end, current, rng: Rng(0), way: Way::Random { often: 1 }, steps: 0 }
    }

    /// A third of the schedules each: any task at each step; mostly the same as before; priorities.
    fn way(&mut self, seed: u64) -> Way {
        match seed % 3 {
            0 => Way::Random { often: 1 },
            1 => Way::Random { often: 2 << self.rng.below(5) },
            _ => {
                // The length of a schedule is not known before it is over.
                let length = 32 << self.rng.below(6);
                let changes = (0..=self.rng.below(5)).map(|_| self.rng.below(length)).collect();
                Way::Priorities { of: Vec::new(), changes, lowest: 1 << 32 }
            }
        }
    }
}

impl Scheduler for Dice {
    fn new_execution(&mut self) -> Option<Schedule> {
        if self.next == self.end {
            return None;
        }
        let seed = self.next;
        self.next += 1;
        self.current.set(seed);
        self.rng = Rng(seed.wrapping_mul(0xD134_2543_DE82_EF95));
        self.way = self.way(seed);
        self.steps = 0;
        Some(Schedule::new(seed))
    }

    fn next_task(
        &mut self,
        runnable: &[&Task],
        current: Option<TaskId>,
        is_yielding: bool,
    ) -> Option<TaskId> {
        let Self { rng, way, steps, .. } = self;
        *steps += 1;
        match way {
            Way::Random { often } => {
                let same =
                    current.filter(|id| !is_yielding && runnable.iter().any(|t| t.id() == *id));
                if let Some(same) = same.filter(|_| rng.below(*often) != 0) {
                    return Some(same);
                }
                let at = rng.below(runnable.len() as u64);
                runnable.get(usize::try_from(at).unwrap_or(0)).map(|task| task.id())
            }
            Way::Priorities { of, changes, lowest } => {
                let last = runnable.iter().map(|t| usize::from(t.id())).max().unwrap_or(0);
                while of.len() <= last {
                    of.push((1 << 32) + rng.below(1 << 32));
                }
                let demoted = is_yielding || changes.contains(steps);
                if let Some(current) = current.filter(|_| demoted) {
                    *lowest -= 1;
                    of[usize::from(current)] = *lowest;
                }
                runnable.iter().max_by_key(|t| of[usize::from(t.id())]).map(|task| task.id())
            }
        }
    }

    fn next_u64(&mut self) -> u64 {
        self.rng.next()
    }
}
