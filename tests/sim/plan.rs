//! What one seed is about: its settings, its keys, and which steps it takes how often. Each seed
//! leaves some kinds of step out, so that others come in great numbers.

use std::time::Duration;

use laneq::{Concurrency, Config, Drop, Lane, Mode};

use crate::dice::Dice;

pub const LANES: [&str; 4] = ["main", "subagent", "cron", "side"];

/// What the simulator does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    Submit,
    Burst,
    Closure,
    Keyless,
    Directive,
    Pull,
    PullAll,
    Boundary,
    Take,
    End,
    Hold,
    Complete,
    Fail,
    Panic,
    LetGo,
    Spawn,
    Wait,
    Watch,
    Withdraw,
    Stop,
    Interrupt,
    InterruptRun,
    Abandon,
    Ghost,
    Lane,
    Pause,
    Knobs,
    Reload,
    Tick,
    Sleep,
    Calm,
    Drain,
    Crash,
    Journal,
}

/// Each kind with its weight.
const STEPS: &[(Step, u64)] = &[
    (Step::Submit, 60),
    (Step::Burst, 12),
    (Step::Closure, 14),
    (Step::Keyless, 6),
    (Step::Directive, 4),
    (Step::Pull, 50),
    (Step::PullAll, 6),
    (Step::Boundary, 12),
    (Step::Take, 14),
    (Step::End, 6),
    (Step::Hold, 6),
    (Step::Complete, 40),
    (Step::Fail, 12),
    (Step::Panic, 5),
    (Step::LetGo, 4),
    (Step::Spawn, 10),
    (Step::Wait, 8),
    (Step::Watch, 6),
    (Step::Withdraw, 10),
    (Step::Stop, 5),
    (Step::Interrupt, 4),
    (Step::InterruptRun, 3),
    (Step::Abandon, 3),
    (Step::Ghost, 4),
    (Step::Lane, 5),
    (Step::Pause, 4),
    (Step::Knobs, 5),
    (Step::Reload, 2),
    (Step::Tick, 30),
    (Step::Sleep, 5),
    (Step::Calm, 1),
    (Step::Drain, 1),
    (Step::Crash, 3),
    (Step::Journal, 3),
];

/// Without these a seed would do nothing.
const ALWAYS: [Step; 4] = [Step::Submit, Step::Pull, Step::Complete, Step::Tick];

pub struct Plan {
    pub config: Config,
    pub keys: u64,
    pub steps: u64,
    pub steerable: bool,
    pub journal: bool,
    /// Modes of its messages; some more often than others.
    pub modes: Vec<Mode>,
    pub authorities: u64,
    pub sources: u64,
    /// In how many of a hundred messages there is something unusual.
    pub spice: u64,
    /// In how many of a hundred messages another lane than `main` is named.
    pub astray: u64,
    weights: Vec<(Step, u64)>,
}

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

impl Plan {
    pub fn new(dice: &mut Dice) -> Self {
        let journal = cfg!(feature = "journal") && dice.percent(20);
        let weights = STEPS.iter().filter(|(step, _)| {
            let on_paper = matches!(step, Step::Crash | Step::Journal);
            let chosen = ALWAYS.contains(step) || !dice.percent(25);
            chosen && (journal || !on_paper)
        });
        let weights = weights.copied().collect();
        let mut modes = [Mode::Followup, Mode::Collect, Mode::Steer, Mode::SteerBacklog].to_vec();
        modes.push(Mode::Interrupt);
        let favourite = dice.pick(&modes);
        modes.extend([favourite; 3]);
        Self {
            config: settings(dice),
            keys: dice.pick(&[1, 2, 3, 6, 40]),
            steps: 20 + dice.below(if journal { 120 } else { 260 }),
            steerable: !dice.percent(10),
            journal,
            modes,
            authorities: 1 + dice.below(2),
            sources: dice.below(3),
            spice: dice.pick(&[0, 5, 20, 50]),
            astray: dice.pick(&[0, 10, 60]),
            weights,
        }
    }

    pub fn step(&self, dice: &mut Dice) -> Step {
        let mut left = dice.below(self.weights.iter().map(|(_, weight)| weight).sum());
        for (step, weight) in &self.weights {
            match left.checked_sub(*weight) {
                Some(rest) => left = rest,
                None => return *step,
            }
        }
        unreachable!("it is below the sum")
    }
}

/// Settings under which bounds are reached and times come.
fn settings(dice: &mut Dice) -> Config {
    let mut config = Config::default();
    change(&mut config, dice);
    let queue = &mut config.queue;
    queue.mode = dice.pick(&[Mode::Collect, Mode::Followup, Mode::Steer]);
    queue.max_batch = dice.pick(&[1, 2, 4, 20]);
    queue.steer_rounds = dice.pick(&[1, 2, 16]);
    queue.backoff = ms(dice.pick(&[1, 100, 5000]));
    config.limits.max_pending = dice.pick(&[8, 50, 1 << 22]);
    config.limits.closure_cap = dice.pick(&[2, 1 << 20]);
    config.limits.keyless_cap = dice.pick(&[2, 1 << 20]);
    config.limits.children = dice.pick(&[1, 64]);
    config.limits.spawn_depth = dice.pick(&[1, 8]);
    config.engine.spare_workers = dice.pick(&[0, 1, 256]);
    // A drain at its end does not wait for what only this thread could do.
    config.engine.stop_grace = Duration::ZERO;
    if dice.percent(10) {
        config.inbound.debounce = ms(700);
    }
    if dice.percent(15) {
        config.inbound.stop_authorities = vec!["a0".to_owned()];
    }
    config
}

/// What a reload may change.
pub fn change(config: &mut Config, dice: &mut Dice) {
    for lane in &LANES {
        let slots = dice.pick(&[1, 1, 2, 3, 8]);
        let concurrency =
            if dice.percent(90) { Concurrency::Limit(slots) } else { Concurrency::Unlimited };
        config
            .lanes
            .entry((*lane).to_owned())
            .and_modify(|known| known.concurrency = concurrency)
            .or_insert_with(|| Lane::new(concurrency));
    }
    let queue = &mut config.queue;
    queue.debounce = ms(dice.pick(&[0, 10, 1000, 60_000]));
    queue.reset_on_new_message = dice.percent(70);
    queue.cap = dice.pick(&[1, 2, 5, 20]);
    queue.drop = dice.pick(&[Drop::Old, Drop::New, Drop::Summarize]);
    config.inbound.dedupe_window = ms(dice.pick(&[0, 1000, 300_000]));
}
