//! Steps with a journal: faults, the end of the process, and the beginning of the next. P11.

use std::collections::BTreeSet;

use laneq::{Fate, JournalError, Receipt};

use crate::books::Book;
use crate::paper::Paper;
use crate::runs::label;
use crate::truth::{At, Check, Door, Handle, Pen, Told};
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
        paper.fails(Some(fault));
        Ok(())
    }

    /// What the journal is good for from now on.
    pub fn look_at_journal(&mut self) {
        let Some(paper) = &self.seam.paper else { return };
        let broken = self.seam.engine.journal_error().is_some();
        self.truth.pen = match paper.fault() {
            _ if broken => Pen::Broken,
            Some(_) => Pen::Refuses,
            None => Pen::Writes,
        };
        if !paper.is_behind() {
            self.truth.unwritten.clear();
            self.truth.unseen.clear();
        }
    }

    /// The message that was accepted last has this label.
    pub fn numbered(&mut self, n: usize) {
        if let Some(number) = self.seam.paper.as_ref().and_then(Paper::newest) {
            self.numbers.insert(number, n);
        }
    }

    /// Where nothing can be started any more, what would have started is returned. P2: in its order;
    /// closures start all the same, and are heard of later.
    pub fn hear_returned(&mut self) -> Check {
        if self.seam.engine.journal_error().is_none() || self.truth.door == Door::Over {
            return Ok(());
        }
        self.truth.pen = Pen::Broken;
        let keys: BTreeSet<String> =
            self.truth.open.iter().map(|n| self.truth.msgs[*n].key.clone()).collect();
        for key in &keys {
            let mut left = None;
            for n in [self.truth.all(key, At::Retry), self.truth.line(key)].concat() {
                let Handle::Message(receipt) = &self.truth.msgs[n].handle else { continue };
                let fate = receipt.settled().map(|settled| settled.fate);
                match (fate, left) {
                    (Some(Fate::Returned), None) => {
                        self.truth.ends(n, Fate::Returned)?;
                        self.note(format!("  {n}: returned"));
                    }
                    (Some(Fate::Returned), Some(left)) => {
                        return Err(format!("P2: {n} is returned, and {left} was before it"));
                    }
                    (Some(_), _) => {}
                    (None, _) => left = left.or(Some(n)),
                }
            }
        }
        Ok(())
    }

    /// Runs that did not start, since the journal would not count their attempts.
    pub fn hear_refusals(&mut self) -> Check {
        let Some(paper) = self.seam.paper.clone() else { return Ok(()) };
        for numbers in paper.refusals() {
            let batch: Vec<usize> = numbers.iter().map(|number| self.numbers[number]).collect();
            self.note(format!("{batch:?} may not start"));
            // Where nothing will start any more, they are returned: their fates say so.
            if self.truth.pen != Pen::Broken && self.truth.is_refused(&batch)? {
                self.must.extend(batch.iter().map(|n| (*n, vec![Fate::Ran])));
            }
        }
        Ok(())
    }

    /// In a new process the journal can be written again.
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
        self.truth.unwritten.clear();
        self.truth.unseen.clear();
        self.truth.pen = Pen::Writes;
        // An interrupt that waits has ended the run, whatever became of it.
        for n in &back {
            let msg = &self.truth.msgs[*n];
            let ends = |n: &usize| {
                let other = &self.truth.msgs[*n];
                other.urgent && other.expires.is_none_or(|at| at > self.truth.now)
            };
            if msg.at == At::Retry && self.truth.line(&msg.key).iter().any(ends) {
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
                At::Started(_) | At::Retry if msg.tried > 0 => {
                    msg.at = At::Retry;
                    msg.interrupted += 1;
                }
                At::Gone(_) => {}
                _ => msg.at = At::Waits,
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
        let at = self.truth.msgs[n].at;
        if at == At::Gone(Fate::Parked) && fate == Some(Fate::Parked) {
            return Ok(());
        }
        let kept = self.truth.unwritten.contains(&n) || at == At::Gone(Fate::Returned);
        if !self.truth.open.contains(&n) && !kept || !back.insert(n) {
            return Err(format!("P11: {n} comes back, and it is {at:?}"));
        }
        let msg = &mut self.truth.msgs[n];
        if past.attempt != msg.tried {
            let tried = msg.tried;
            return Err(format!("P11: {n} was tried {tried} times, and comes back with {past:?}"));
        }
        // Its end was never written down: for the journal, its run was in progress.
        msg.interrupted += u32::from(!msg.is_open());
        msg.at = if msg.tried > 0 { At::Retry } else { At::Waits };
        msg.seen &= !self.truth.unseen.contains(&n);
        msg.handle = Handle::Message(receipt.clone());
        self.truth.unfinished.remove(&n);
        self.truth.open.insert(n);
        self.accepted += 1;
        Ok(())
    }
}
