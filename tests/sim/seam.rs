//! What lies between the simulator and the engine: every call and every answer goes through here.
//! With a planted mistake it goes wrong now and then, as a broken engine would: the checks must
//! notice.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use laneq::{
    Concurrency, Config, Engine, HandlerOptions, ManualClock, Message, Mode, Notice, OwnedRun,
    Port, Receipt, Refused, Run, RunId, Settled, Steers, Stopped,
};

#[cfg(feature = "journal")]
use crate::paper::Paper;

/// A mistake that is put there on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plant {
    /// A follow-up overtakes those before it.
    Overtakes,
    /// A fate is never told.
    DropsAFate,
    /// A run that was taken from the port is nobody's.
    ForgetsARun,
    /// A lane has one slot more than it should have.
    CapPlusOne,
    /// Time goes on, and nothing comes due.
    WithholdsATick,
    /// A notice is never read.
    LosesANotice,
    /// A stop leaves what waits.
    StopSparesTheBacklog,
    /// Steers that were committed come back.
    CommitRestores,
    /// A live run is fenced behind the back of its host.
    FencesALiveRun,
    /// Two receipts of a run are the one that answers.
    TwoLeads,
    /// A withdrawn message runs all the same.
    WithdrawsNothing,
    /// What was acknowledged is not in the journal.
    CrashLosesAMessage,
    /// The end of a wait is told a second time.
    TellsAWaitAgain,
    /// A message is let in where the cap is reached.
    OverTheCap,
    /// The same mistakes, once the journal has failed: the checks still look.
    OvertakesAfterAFault,
    WithdrawsNothingAfterAFault,
    OverTheCapAfterAFault,
}

impl Plant {
    pub const ALL: [Self; 17] = [
        Self::Overtakes,
        Self::DropsAFate,
        Self::ForgetsARun,
        Self::CapPlusOne,
        Self::WithholdsATick,
        Self::LosesANotice,
        Self::StopSparesTheBacklog,
        Self::CommitRestores,
        Self::FencesALiveRun,
        Self::TwoLeads,
        Self::WithdrawsNothing,
        Self::CrashLosesAMessage,
        Self::TellsAWaitAgain,
        Self::OverTheCap,
        Self::OvertakesAfterAFault,
        Self::WithdrawsNothingAfterAFault,
        Self::OverTheCapAfterAFault,
    ];

    /// Whether it can happen: some need a journal.
    pub fn may_come(self) -> bool {
        cfg!(feature = "journal") || self.now(false).is_some() && self != Self::CrashLosesAMessage
    }

    /// What goes wrong, now that the journal has failed or has not.
    fn now(self, failed: bool) -> Option<Self> {
        match self {
            Self::OvertakesAfterAFault => failed.then_some(Self::Overtakes),
            Self::WithdrawsNothingAfterAFault => failed.then_some(Self::WithdrawsNothing),
            Self::OverTheCapAfterAFault => failed.then_some(Self::OverTheCap),
            plant => Some(plant),
        }
    }
}

pub struct Seam {
    pub engine: Engine,
    port: Port,
    clock: ManualClock,
    woken: Arc<AtomicBool>,
    plant: Option<Plant>,
    /// Calls that could have gone wrong so far.
    calls: u64,
    forgotten: Vec<OwnedRun>,
    told: Option<RunId>,
    #[cfg(feature = "journal")]
    pub paper: Option<Paper>,
}

/// An engine whose lanes are all a port's, so that no thread but this one takes a run.
fn start(seam: &mut SeamParts<'_>) -> Engine {
    // A lane of no slots hires no workers; the reload gives them.
    let idle =
        seam.config.lanes.keys().fold(seam.config.clone(), |config, lane| {
            config.with_lane(lane, Concurrency::Limit(0))
        });
    let builder = Engine::builder(idle).clock(seam.clock.clone());
    #[cfg(feature = "journal")]
    let builder = match seam.paper {
        Some(paper) => builder.journal(Box::new(paper.clone())),
        None => builder,
    };
    builder.start().expect("the settings are fine")
}

struct SeamParts<'a> {
    config: &'a Config,
    clock: &'a ManualClock,
    #[cfg(feature = "journal")]
    paper: Option<&'a Paper>,
}

impl Seam {
    pub fn new(config: &Config, steerable: bool, journal: bool, plant: Option<Plant>) -> Self {
        #[cfg(feature = "journal")]
        let paper = journal.then(Paper::default);
        #[cfg(not(feature = "journal"))]
        assert!(!journal, "there is none");
        let clock = ManualClock::new();
        let mut parts = SeamParts {
            config,
            clock: &clock,
            #[cfg(feature = "journal")]
            paper: paper.as_ref(),
        };
        let engine = start(&mut parts);
        let (port, woken) = open(&engine, config, steerable);
        Self {
            engine,
            port,
            clock,
            woken,
            plant,
            calls: 0,
            forgotten: Vec::new(),
            told: None,
            #[cfg(feature = "journal")]
            paper,
        }
    }

    /// Whether this call goes wrong: each mistake is rare.
    fn errs(&mut self, plant: Plant) -> bool {
        #[cfg(feature = "journal")]
        let failed = self.paper.as_ref().is_some_and(Paper::has_failed);
        #[cfg(not(feature = "journal"))]
        let failed = false;
        if self.plant.and_then(|own| own.now(failed)) != Some(plant) {
            return false;
        }
        self.calls += 1;
        self.calls % 3 == 1
    }

    /// Everything that the engine still does by itself is done: what its journal's thread has
    /// been told.
    pub fn settle(&self) {
        #[cfg(feature = "journal")]
        if self.paper.is_some() {
            self.engine.settle_journal();
        }
    }

    pub fn submit(&mut self, message: Message) -> Result<Receipt, Refused> {
        let ordinary = message.mode() == Some(Mode::Followup);
        let wrong = ordinary && self.errs(Plant::Overtakes);
        if self.errs(Plant::OverTheCap) {
            return self.squeeze(message);
        }
        self.engine.submit(if wrong { message.with_mode(Mode::Interrupt) } else { message })
    }

    fn squeeze(&mut self, message: Message) -> Result<Receipt, Refused> {
        let (key, mut wide) = (message.key().to_owned(), laneq::Knobs::default());
        wide.cap = Some(1000);
        let own = self.engine.knobs(&key);
        self.engine.set_knobs(&key, wide).expect("in range");
        let answer = self.engine.submit(message);
        self.engine.set_knobs(&key, own).expect("they were in force");
        self.settle();
        answer
    }

    /// The next notice; `None` if there is nothing, whatever closures were executed on the way.
    pub fn next(&mut self) -> Option<Notice> {
        if let Some(run) = self.told.take() {
            return Some(Notice::Waited(run));
        }
        loop {
            self.woken.store(false, Ordering::SeqCst);
            let notice = self.port.next(Some(Duration::ZERO)).expect("a thread of the host's");
            self.settle();
            match notice {
                // Its time was over, and it would have gone on: that is nobody's decision.
                None if self.woken.load(Ordering::SeqCst) => {}
                Some(Notice::Ready(run)) if self.errs(Plant::ForgetsARun) => {
                    self.forgotten.push(run);
                    return None;
                }
                Some(Notice::Ready(run)) => {
                    if self.errs(Plant::FencesALiveRun) {
                        self.engine.abandon(run.id()).expect("it is live");
                    }
                    return Some(Notice::Ready(run));
                }
                Some(Notice::Waited(run)) if self.errs(Plant::TellsAWaitAgain) => {
                    self.told = Some(run);
                    return Some(Notice::Waited(run));
                }
                Some(Notice::Settled(_) | Notice::Stop(..) | Notice::Steer(_))
                    if self.errs(Plant::LosesANotice) => {}
                notice => return notice,
            }
        }
    }

    pub fn settled<T: Clone>(&mut self, receipt: &Receipt<T>) -> Option<Settled<T>> {
        let settled = receipt.settled()?;
        if self.errs(Plant::DropsAFate) {
            return None;
        }
        Some(settled)
    }

    /// Which receipts of a batch are the one that answers.
    pub fn leads(&mut self, settled: &Settled) -> bool {
        settled.lead || settled.run.is_some() && self.errs(Plant::TwoLeads)
    }

    pub fn set_lane(&mut self, lane: &str, slots: u32) {
        let slots = slots + u32::from(self.errs(Plant::CapPlusOne));
        self.engine.set_lane(lane, Concurrency::Limit(slots)).expect("in range");
    }

    pub fn advance(&mut self, by: Duration) {
        if !self.errs(Plant::WithholdsATick) {
            self.engine.advance(by);
        }
    }

    pub fn stop(&mut self, key: &str) -> Stopped {
        if self.errs(Plant::StopSparesTheBacklog) {
            let run = self.engine.interrupt(key);
            let mut stopped = Stopped::default();
            stopped.run = run;
            return stopped;
        }
        self.engine.stop(key)
    }

    pub fn withdraw<T>(&mut self, receipt: &Receipt<T>) -> laneq::Withdrawn {
        let answer = if self.errs(Plant::WithdrawsNothing) {
            return laneq::Withdrawn::Withdrawn;
        } else {
            self.engine.withdraw(receipt)
        };
        self.settle();
        answer
    }

    pub fn commit(&mut self, steers: Steers<'_>) -> Result<(), laneq::Error> {
        // Each time: few seeds have more than one or two commits.
        if self.plant == Some(Plant::CommitRestores) {
            drop(steers);
            return Ok(());
        }
        steers.commit()
    }

    pub fn watch<T: Clone>(&mut self, receipt: &Receipt<T>, tag: u64) {
        self.port.watch(receipt, tag).expect("few are unread");
    }

    pub fn abandon(&mut self, run: RunId) -> Result<(), laneq::Error> {
        self.engine.abandon(run)
    }

    pub fn spawn(&mut self, run: &Run, message: Message) -> Result<Receipt, Refused> {
        run.spawn(message)
    }

    /// The process dies here, and another begins with what the journal has.
    #[cfg(feature = "journal")]
    pub fn crash(&mut self, config: &Config, steerable: bool) {
        use laneq::Table;
        let paper = self.paper.take().expect("only with a journal");
        let left = paper.crash();
        if self.errs(Plant::CrashLosesAMessage)
            && let Some(first) = left.keys(Table::Messages).first()
        {
            left.erase(Table::Messages, first);
        }
        // Whoever waits for the old one waits for nothing.
        let parts = &mut SeamParts { config, clock: &self.clock, paper: Some(&left) };
        let engine = start(parts);
        let (port, woken) = open(&engine, config, steerable);
        let (old, _) =
            (std::mem::replace(&mut self.engine, engine), std::mem::replace(&mut self.port, port));
        (self.woken, self.paper) = (woken, Some(left));
        drop(old);
    }
}

/// A port with every lane, before anything can be ready.
fn open(engine: &Engine, config: &Config, steerable: bool) -> (Port, Arc<AtomicBool>) {
    let port = engine.port().expect("it is open");
    let options = if steerable { HandlerOptions::default() } else { HandlerOptions::unsteerable() };
    port.bind_any(options).expect("bound once");
    let woken = Arc::new(AtomicBool::new(false));
    let wake = Arc::clone(&woken);
    port.on_wake(move || wake.store(true, Ordering::SeqCst));
    let _ = engine.reload(config.clone()).expect("the settings are fine");
    (port, woken)
}
