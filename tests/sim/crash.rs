//! Steps with a journal: faults, the end of the process, and the beginning of the next. P11.

use std::collections::BTreeSet;

use laneq::{Fate, JournalError, Receipt};

use crate::books::Book;
use crate::runs::label;
use crate::truth::{At, Check, Door, Handle, Told};
use crate::world::World;

impl World {
    /// The journal cannot be written for a while, or ever again.
    pub fn journal(&mut self) -> Check {
        let Some(paper) = self.seam.paper.clone() else { return Ok(()) };
        if paper.fault().is_some() {
            self.note("the journal can be written again".to_owned());
            paper.fails(None);
            return Ok(());
        }
        let text = || "planned fault".into();
        let fault = match self.dice.below(3) {
            0 => JournalError::Full(text()),
            1 => JournalError::Failed(text()),
            _ => JournalError::Poisoned(text()),
        };
        self.note(format!("the journal answers {fault:?}"));
        self.truth.blurred = true;
        paper.fails(Some(fault));
        Ok(())
    }

    /// In a new process the journal can be written again. What a fault has blurred stays so: which
    /// marks are in the journal, nobody knows.
    pub fn mend(&mut self) -> Check {
        let Some(paper) = &self.seam.paper else { return Ok(()) };
        let fault = paper.fault().is_some();
        paper.fails(None);
        let broken = fault || self.seam.engine.journal_error().is_some();
        if broken { self.crash() } else { Ok(()) }
    }

    pub fn crash(&mut self) -> Check {
        if self.truth.door != Door::Open || self.seam.paper.is_none() {
            return Ok(());
        }
        self.note("the process dies".to_owned());
        let (hands, ghosts) = (std::mem::take(&mut self.hands), std::mem::take(&mut self.ghosts));
        self.dies();
        self.seam.crash(&self.config, self.plan.steerable);
        drop((hands, ghosts));
        self.code_is_gone()?;
        self.book = self.book.is_some().then(|| Book::of(&self.seam.engine));
        let mut receipts = Vec::new();
        let came = self.seam.engine.recover(|receipt| receipts.push(receipt.clone()));
        let came = came.map_err(|e| format!("P11: {e}"))?;
        self.seam.settle();
        let mut back = BTreeSet::new();
        self.accepted = 0;
        for receipt in &receipts {
            self.comes_back(receipt, &mut back)?;
        }
        let lost: Vec<_> = self.truth.open.difference(&back).collect();
        if !lost.is_empty() {
            return Err(format!("P11: {lost:?} were acknowledged, and did not come back"));
        }
        self.note(format!("{} come back: {came:?}", back.len()));
        // An interrupt that waits has ended the run, whatever became of it.
        for n in &back {
            let msg = &self.truth.msgs[*n];
            let first = self.truth.line(&msg.key).first().copied();
            if msg.at == At::Retry && first.is_some_and(|n| self.truth.msgs[n].urgent) {
                self.must.push((*n, vec![Fate::Ran, Fate::Parked]));
            }
        }
        Ok(())
    }

    /// What the simulator knows of a process that is no more.
    fn dies(&mut self) {
        self.truth.lives.clear();
        self.truth.fenced.clear();
        self.truth.lanes = crate::control::lanes(&self.config);
        for msg in &mut self.truth.msgs {
            msg.watched = Told::NotWatched;
            msg.stopped = false;
            msg.withdrawable = false;
            match msg.at {
                At::Started(_) | At::Retry => {
                    msg.at = At::Retry;
                    msg.interrupted += 1;
                }
                At::Taken => msg.at = At::Waits,
                At::Waits | At::Gone(_) => {}
            }
            msg.promoted = msg.steers.is_some();
        }
    }

    /// Closures do not outlive their process.
    fn code_is_gone(&mut self) -> Check {
        self.log.lock().expect("no panic under it").clear();
        let code = |n: &usize| self.truth.msgs[*n].is_code();
        let open: Vec<usize> = self.truth.open.iter().copied().filter(code).collect();
        for n in open {
            self.truth.msgs[n].at = At::Gone(Fate::Returned);
            self.truth.open.remove(&n);
        }
        Ok(())
    }

    fn comes_back(&mut self, receipt: &Receipt, back: &mut BTreeSet<usize>) -> Check {
        let n = label(receipt.message().ok_or("P11: a receipt without its message")?.text());
        let past = receipt.came_back().ok_or("P11: a receipt without its past")?;
        let fate = receipt.settled().map(|settled| settled.fate);
        let parked = self.truth.msgs[n].at == At::Gone(Fate::Parked);
        if parked && fate == Some(Fate::Parked) {
            return Ok(());
        }
        let kept = matches!(self.truth.msgs[n].at, At::Gone(Fate::Returned)) || self.truth.blurred;
        if !self.truth.open.contains(&n) && !kept || !back.insert(n) {
            return Err(format!("P11: {n} comes back, and it is {:?}", self.truth.msgs[n].at));
        }
        let msg = &mut self.truth.msgs[n];
        let started = past.attempt > 0;
        if msg.is_open() && !self.truth.blurred && started != (msg.at == At::Retry) {
            return Err(format!("P11: {n} is {:?}, and comes back with {past:?}", msg.at));
        }
        msg.at = if started { At::Retry } else { At::Waits };
        msg.handle = Handle::Message(receipt.clone());
        self.truth.open.insert(n);
        self.accepted += 1;
        Ok(())
    }
}
