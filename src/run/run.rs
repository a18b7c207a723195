//! The run: what the host's handler is given.

use super::batch_view::BatchView;
use super::children::Children;
use super::ledger::Calls;
use super::lent::Lent;
use super::receipt::Receipt;
use super::{Refused, Session, Shared, WaitGraph};
use crate::model::{Cause, Error, LaneId, Message, Reply, RunId};
use crate::session::{Batch, Door, Inbox, Origin, Started, Token, Verdict, Wake, Watch, Work};
use crate::sync::atomic::{AtomicU8, Ordering};
use crate::sync::{Arc, Mutex, OnceLock, Weak, caught, par};
use crate::watch::{Event, Phase, Spoken};

/// How a run submits a message: the engine's one way in.
pub(crate) type Submit = Box<SubmitFn>;
type SubmitFn = dyn Fn(&Arc<Shared>, Message, Origin, u8) -> Result<Receipt, Refused> + Send + Sync;

/// What runs share beside the sessions.
pub(crate) struct Crew {
    pub(crate) waits: WaitGraph,
    pub(crate) tools: par::Pool,
    pub(crate) submit: Submit,
}

/// The engine that a run belongs to.
pub(crate) struct Home {
    pub(crate) shared: Arc<Shared>,
    pub(crate) crew: Arc<Crew>,
}

/// Something that a run may want to hear at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Signal {
    /// A steer waits at the next boundary.
    Steer,
    /// The run is stopped.
    Stop,
    /// A wait that was begun is due.
    Waited,
}

/// The rarer parts of a run, made on first use.
#[derive(Default)]
pub(super) struct Rare {
    pub(super) calls: OnceLock<Arc<Calls>>,
    pub(super) children: OnceLock<Arc<Children>>,
    pub(super) signals: Mutex<Option<Arc<Signals>>>,
    /// Its waits without a thread, of which some may be over.
    pub(super) lent: Mutex<Vec<Weak<Lent>>>,
    /// The cause that the adapter gives for a failure of its own; a number as in tokens.
    failed_with: AtomicU8,
}

/// Forwards what happens to a run to the host's function.
pub(super) struct Signals(Box<dyn Fn(Signal) + Send + Sync>);

impl Watch for Signals {
    fn wake(&self, why: Wake) {
        let signal = match why {
            Wake::Steer => Signal::Steer,
            Wake::Stop(_) => Signal::Stop,
            Wake::Settled | Wake::Waited(_) => Signal::Waited,
            Wake::Waits(_) | Wake::Blocks(_) => return,
        };
        // P7: whoever submits or stops must not suffer for what the run's host does about it.
        let _ = caught::call(|| (self.0)(signal));
    }
}

/// One execution of a handler over one batch. It owns all it needs and borrows nothing of its
/// worker, so that pull hosts can carry it about.
///
/// Everything here may be called from any thread that the handler lends `&Run` to, except where a
/// method says otherwise. After the run has ended (or was abandoned), calls answer `Stale`.
pub struct Run {
    pub(super) shared: Arc<Shared>,
    pub(super) crew: Arc<Crew>,
    pub(super) session: Arc<Session>,
    pub(super) id: RunId,
    pub(super) lane: LaneId,
    pub(super) attempt: u32,
    pub(super) batch: Option<Batch>,
    text: OnceLock<Arc<str>>,
    /// Shared with the run's other views, of [`share`](Self::share).
    rare: OnceLock<Arc<Rare>>,
}

impl Run {
    /// The run object of a slice; [`renew`](Self::renew) makes it each run's in turn.
    pub(crate) fn new(home: Home, session: Arc<Session>, lane: LaneId) -> Self {
        let Home { shared, crew } = home;
        Self {
            shared,
            crew,
            session,
            id: RunId::new(0),
            lane,
            attempt: 1,
            batch: None,
            text: OnceLock::new(),
            rare: OnceLock::new(),
        }
    }

    /// What the next run object may have. The session is let go, and so is what hangs on the run.
    pub(crate) fn home(mut self) -> Home {
        self.leave();
        let Self { shared, crew, rare, .. } = self;
        // P7: the host's callbacks may be there.
        caught::let_go(rare);
        Home { shared, crew }
    }

    /// Is over, and is looked at by nobody any more: its messages' memory may be used again.
    pub(crate) fn leave(&mut self) {
        if let Some(batch) = self.batch.take() {
            batch.leave();
        }
    }

    /// Becomes the next run, of a closure after a closure.
    #[inline]
    pub(crate) fn goes_on_as(&mut self, run: RunId) {
        self.id = run;
    }

    /// Becomes the run of this batch.
    pub(crate) fn begin(&mut self, started: Started<super::Closure>) {
        let Started { run, work: Work::Messages(batch), lane, attempt, .. } = started else {
            unreachable!("a closure has no batch")
        };
        self.renew((run, lane, attempt), Some(batch));
    }

    /// Becomes this run.
    #[inline]
    pub(crate) fn renew(&mut self, run: (RunId, LaneId, u32), batch: Option<Batch>) {
        (self.id, self.lane, self.attempt) = run;
        if let Some(rare) = self.rare.take() {
            // P7: the host's callbacks hang on it.
            caught::let_go(rare);
        }
        if batch.is_some() || self.batch.is_some() {
            self.text.take();
            self.leave();
            self.batch = batch;
        }
    }

    /// Whether nothing of the host's hangs on it.
    pub(crate) fn is_plain(&self) -> bool {
        self.rare.get().is_none() && self.batch.is_none()
    }

    pub(super) fn rare_if_any(&self) -> Option<&Rare> {
        self.rare.get().map(Arc::as_ref)
    }

    pub(super) fn rare(&self) -> &Rare {
        self.rare.get_or_init(Arc::default)
    }

    /// The same run once more, for whoever cannot borrow: it may outlive the handler, and then its
    /// calls answer `Stale`.
    #[cfg(feature = "capi")]
    pub(crate) fn share(&self) -> Self {
        self.rare();
        Self {
            shared: Arc::clone(&self.shared),
            crew: Arc::clone(&self.crew),
            session: Arc::clone(&self.session),
            id: self.id,
            lane: self.lane,
            attempt: self.attempt,
            batch: self.batch.clone(),
            text: self.text.clone(),
            rare: self.rare.clone(),
        }
    }

    pub(crate) fn session(&self) -> &Arc<Session> {
        &self.session
    }

    pub(crate) fn door(&self) -> &Arc<Door<super::Closure>> {
        self.shared.doors.get(self.lane)
    }

    /// The messages that it consumes; none for a closure.
    pub(crate) fn messages(&self) -> Option<&Batch> {
        self.batch.as_ref()
    }

    /// Levels of runs above this one.
    pub(super) fn depth(&self) -> u8 {
        self.batch.as_ref().map_or(0, |batch| batch.first().depth)
    }

    /// This run's id.
    #[must_use]
    pub fn id(&self) -> RunId {
        self.id
    }

    /// Its session key; "" for a closure without one.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.session.key
    }

    /// The name of its lane.
    #[must_use]
    pub fn lane(&self) -> &str {
        &self.shared.doors.get(self.lane).name
    }

    /// 1 for the first run of its batch.
    #[must_use]
    pub fn attempt(&self) -> u32 {
        self.attempt
    }

    /// The messages that it consumes; empty for a closure.
    #[must_use]
    pub fn batch(&self) -> BatchView<'_> {
        BatchView { run: self }
    }

    pub(super) fn merged_text(&self) -> &str {
        let Some(batch) = &self.batch else { return "" };
        let made = || &**self.text.get_or_init(|| self.shared.render(batch));
        self.shared.bare_text(batch).unwrap_or_else(made)
    }

    /// What the run should do now: one atomic load. P6: stop beats steer beats go.
    #[inline]
    pub fn boundary(&self) -> Verdict {
        let verdict = self.verdict();
        if self.shared.bus.on() {
            self.say_boundary(Phase::Between, None, verdict.as_str());
        }
        verdict
    }

    #[inline]
    pub(super) fn verdict(&self) -> Verdict {
        let word = self.session.signal();
        if word >> 8 != self.id.get() {
            // P1: fenced. Whoever lives now in this session is another run.
            return Verdict::Stop(Cause::Abandon);
        }
        #[allow(clippy::cast_possible_truncation, reason = "the low four bits are meant")]
        match (Cause::of_bits(word as u8 & 15), word & 16) {
            (Some(cause), _) => Verdict::Stop(cause),
            (None, 0) => Verdict::Go,
            (None, _) => Verdict::Steer,
        }
    }

    /// The cause of its stop, if it is stopped. One atomic load, and no event.
    #[must_use]
    pub fn stopped(&self) -> Option<Cause> {
        match self.verdict() {
            Verdict::Stop(cause) => Some(cause),
            _ => None,
        }
    }

    pub(super) fn say_boundary(&self, phase: Phase, call: Option<Arc<str>>, verdict: &'static str) {
        let run = self.id;
        self.shared.bus.say(self.shared.now(), || Event::Boundary { run, phase, call, verdict });
    }

    /// Says something before the end: an event `reply` that is not the last.
    pub fn say(&self, text: impl Into<Arc<str>>) {
        let Some(batch) = &self.batch else { return };
        let reply = Reply::new(text);
        self.transcribe_say(reply.text());
        self.shared.bus.say(self.shared.now(), || {
            Event::Reply(Spoken {
                run: self.id,
                key: Arc::clone(&self.session.key),
                messages: batch.ids(),
                attempt: self.attempt,
                reply,
                last: false,
                details: batch.last().message.details.clone(),
            })
        });
    }

    /// Opens (the default) or closes the run to steers for a while: a compaction, say. While
    /// closed they are accepted, held and invisible. Never blocks.
    ///
    /// # Errors
    /// `Stale` if the run has ended.
    pub fn set_steerable(&self, on: bool) -> Result<(), Error> {
        let inbox = if on { Inbox::Open } else { Inbox::Held };
        let now = self.shared.now();
        self.shared.transition(&self.session, now, |m, _| m.set_steerable(self.id, inbox))
    }

    /// The run's cancel token, for tools: made on first use.
    #[must_use]
    pub fn token(&self) -> Token {
        let fresh = Token::new();
        let known = {
            let mut locked = self.session.lock();
            locked.machine.token(self.id, fresh.clone())
        };
        match known {
            Ok((token, None)) => token,
            Ok((token, Some(cause))) => {
                // Stopped before anybody asked: born cancelled.
                let _ = token.cancel(cause);
                token
            }
            Err(_) => {
                let _ = fresh.cancel(Cause::Abandon);
                fresh
            }
        }
    }

    /// A child of the run's token that is cancelled after `timeout`, cause `deadline`.
    #[must_use]
    pub fn token_for(&self, timeout: std::time::Duration) -> Token {
        let child = self.token().child();
        let at = self.shared.now().plus(timeout);
        self.shared.timer.arm(at, crate::session::What::Token(child.clone()));
        // P9: it may be dropped long before its time; each new one pays for the sweep of such.
        self.shared.timer.give_up();
        child
    }

    /// Calls `heard` whenever a steer becomes visible, the run is stopped, or a begun wait is due;
    /// also for what is so already. It may be called from any thread and must not block. Replaces
    /// the function that was set before.
    pub fn on_signal(&self, heard: impl Fn(Signal) + Send + Sync + 'static) {
        let signals = Arc::new(Signals(Box::new(heard)));
        let watch: Arc<dyn Watch> = Arc::clone(&signals) as Arc<dyn Watch>;
        let before = self.rare().signals.lock().replace(Arc::clone(&signals));
        let watched = self.session.lock().machine.watch(self.id, watch);
        // P7: the function that was set before is dropped with no lock held.
        caught::let_go(before);
        let already = match watched {
            Ok((already, before)) => {
                caught::let_go(before);
                already
            }
            Err(_) => vec![Wake::Stop(Cause::Abandon)],
        };
        already.into_iter().for_each(|w| signals.wake(w));
    }

    pub(super) fn signals(&self) -> Option<Arc<Signals>> {
        self.rare().signals.lock().clone()
    }

    /// For adapters: the cause that `run.finished` carries if the handler fails by itself.
    pub fn fail_with(&self, cause: Cause) {
        let number = cause.bits();
        self.rare().failed_with.store(number, Ordering::Relaxed);
    }

    /// The cause of a failure, if the adapter gave one.
    pub(crate) fn failure(&self) -> Option<Cause> {
        let rare = self.rare.get()?;
        Cause::of_bits(rare.failed_with.load(Ordering::Relaxed))
    }

    /// The run has ended. Other than done, its children go with it, unless they are detached.
    pub(crate) fn end_children(&self, done: bool) {
        match self.rare.get().and_then(|rare| rare.children.get()) {
            Some(children) if done => children.let_go(),
            Some(children) => children.cancel(),
            None => {}
        }
    }
}

impl std::fmt::Debug for Run {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Run")
            .field("id", &self.id.get())
            .field("key", &self.key())
            .field("lane", &self.lane())
            .finish_non_exhaustive()
    }
}
