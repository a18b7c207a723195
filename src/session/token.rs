//! Cancel tokens: a parent's cancel reaches every descendant, and calls whoever asked to be called.

use std::time::Duration;

use super::node::{Callback, Fired, Node, Owner, UNCALLED, unlink};
use crate::model::Cause;
use crate::sync::atomic::Ordering;
use crate::sync::{Arc, oneshot, planted, thread};

/// Whether a cancel was the first.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cancelled {
    /// This call set the cause.
    Now,
    /// It was cancelled before, for this cause.
    Before(Cause),
}

struct Root(Arc<Node>);

impl Drop for Root {
    fn drop(&mut self) {
        let childless = {
            let mut inner = self.0.inner.lock();
            inner.owner = Owner::Gone;
            inner.free.len() == inner.children.len()
        };
        if childless {
            unlink(Arc::clone(&self.0));
        }
    }
}

/// A cancel token. Cheap to clone; clones are the same token. Everything here may be called from
/// any thread; only [`wait`](Self::wait) and dropping a [`Registration`] can block.
#[derive(Clone)]
pub struct Token(Arc<Root>);

impl Default for Token {
    fn default() -> Self {
        Self::new()
    }
}

impl Token {
    /// A token without a parent.
    #[must_use]
    pub fn new() -> Self {
        Self(Arc::new(Root(Arc::new(Node::new(None)))))
    }

    /// Whether anybody but the timer could see it cancelled: another clone, or a child, which
    /// holds the node beside the token and its parent. Reads counts only.
    pub(crate) fn is_held(&self) -> bool {
        Arc::strong_count(&self.0) > 1 || Arc::strong_count(self.node()) > 2
    }

    fn node(&self) -> &Arc<Node> {
        &self.0.0
    }

    /// A token that is cancelled with this one (born so if this one already is), but not the
    /// other way round.
    #[must_use]
    pub fn child(&self) -> Self {
        let mut inner = self.node().inner.lock();
        let place = inner.free.pop().unwrap_or(inner.children.len());
        let child = Arc::new(Node::new(Some((Arc::clone(self.node()), place))));
        let cause = self.node().cause().filter(|_| !planted!(BornUnseen));
        if let Some(cause) = cause {
            // Not linked: nobody needs to reach it any more.
            child.cause.store(cause.bits(), Ordering::Release);
            return Self(Arc::new(Root(child)));
        }
        if place == inner.children.len() {
            inner.children.push(None);
        }
        inner.children[place] = Some(Arc::clone(&child));
        drop(inner);
        Self(Arc::new(Root(child)))
    }

    /// The cause, once cancelled: one atomic load.
    #[must_use]
    pub fn cancelled(&self) -> Option<Cause> {
        self.node().cause()
    }

    /// Cancels this token and all below it, and calls their callbacks on this thread. If another
    /// thread was first, it may still be at it when this returns `Before`.
    pub fn cancel(&self, cause: Cause) -> Cancelled {
        match self.signal(cause) {
            Some(fired) => {
                fired.call();
                Cancelled::Now
            }
            None => Cancelled::Before(self.cancelled().unwrap_or(cause)),
        }
    }

    /// Sets the cause in the whole tree, calling nothing. Everybody is signalled before anybody
    /// is called, so that no slow callback delays another's signal.
    pub(crate) fn signal(&self, cause: Cause) -> Option<Fired> {
        let mut calls = Vec::new();
        let (mut stack, callbacks) = self.node().set(cause)?;
        calls.extend(callbacks.into_iter().map(|(id, call)| (Arc::clone(self.node()), id, call)));
        while let Some(child) = stack.pop() {
            let Some(node) = child else { continue };
            if let Some((children, callbacks)) = node.set(cause) {
                stack.extend(children);
                calls.extend(callbacks.into_iter().map(|(id, call)| (Arc::clone(&node), id, call)));
            }
        }
        Some(Fired { cause, calls })
    }

    /// Blocks until the token is cancelled or the time is over.
    #[must_use]
    pub fn wait(&self, timeout: Duration) -> Option<Cause> {
        let until = oneshot::deadline(timeout);
        let mut inner = self.node().inner.lock();
        while self.node().cause().is_none() {
            match until {
                None => self.node().changed.wait(&mut inner),
                Some(at) if self.node().changed.wait_until(&mut inner, at).timed_out() => break,
                Some(_) => {}
            }
        }
        self.node().cause()
    }

    /// Calls `callback` when the token is cancelled, on the cancelling thread (never on the timer
    /// thread); at once, on this thread, if it already is. Dropping the registration takes the
    /// callback back, and waits for it if it is running on another thread.
    pub fn on_cancel(&self, callback: impl FnOnce(Cause) + Send + 'static) -> Registration {
        let mut inner = self.node().inner.lock();
        let id = inner.next;
        inner.next += 1;
        if let Some(cause) = self.node().cause() {
            drop(inner);
            callback(cause);
        } else {
            inner.callbacks.push((id, Box::new(callback)));
            drop(inner);
        }
        Registration { token: Some(self.clone()), id }
    }
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Token").field(&self.cancelled()).finish()
    }
}

/// A callback on a token. Dropping it unregisters: afterwards the callback does not run and is not
/// running, unless this is the callback's own thread.
#[must_use = "dropping a registration takes the callback back"]
#[derive(Debug)]
pub struct Registration {
    /// None once it is forgotten: it must not keep the token alive.
    token: Option<Token>,
    id: u64,
}

impl Registration {
    /// Leaves the callback in place for the token's life.
    pub fn forget(mut self) {
        drop(self.token.take());
    }

    /// Takes the callback back, unless it runs already; does not wait for it then.
    pub fn take_back(mut self) {
        if let Some(token) = self.token.take() {
            drop(self.taken_from(token.node()));
        }
    }

    /// The callback, if its turn has not come. P7: it is dropped with no lock held.
    fn taken_from(&self, node: &Node) -> Option<Callback> {
        let mut inner = node.inner.lock();
        inner.firing.retain(|(id, by)| *id != self.id || *by != UNCALLED);
        let at = inner.callbacks.iter().position(|(id, _)| *id == self.id);
        at.map(|at| inner.callbacks.swap_remove(at).1)
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        let Some(token) = self.token.take() else { return };
        let node = token.node();
        if self.taken_from(node).is_some() {
            return;
        }
        let me = thread::number();
        let mut inner = node.inner.lock();
        while inner.firing.iter().any(|(id, by)| *id == self.id && *by != me) {
            node.changed.wait(&mut inner);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sync::Mutex;
    use std::sync::atomic::AtomicUsize;

    #[test]
    fn a_child_of_a_cancelled_parent_is_born_cancelled_with_its_cause() {
        let parent = Token::new();
        assert_eq!(parent.cancel(Cause::Stop), Cancelled::Now);
        assert_eq!(parent.child().cancelled(), Some(Cause::Stop));
    }

    #[test]
    fn cancelling_a_child_leaves_parent_and_siblings_alive() {
        let parent = Token::new();
        let (one, two) = (parent.child(), parent.child());
        assert_eq!(one.cancel(Cause::Host), Cancelled::Now);
        assert_eq!((parent.cancelled(), two.cancelled()), (None, None));
    }

    #[test]
    fn the_first_cause_wins_and_exactly_one_caller_is_told_so() {
        let token = Token::new();
        let first: usize = std::thread::scope(|scope| {
            let calls: Vec<_> =
                (0..100).map(|_| scope.spawn(|| token.cancel(Cause::Interrupt))).collect();
            let calls = calls.into_iter().map(|c| c.join().expect("no panic"));
            calls.filter(|c| *c == Cancelled::Now).count()
        });
        assert_eq!(first, 1);
        assert_eq!(token.cancel(Cause::Stop), Cancelled::Before(Cause::Interrupt));
    }

    #[test]
    fn a_cancel_reaches_grandchildren_whose_parent_token_is_gone() {
        let root = Token::new();
        let middle = root.child();
        let leaf = middle.child();
        drop(middle);
        assert_eq!(root.cancel(Cause::Deadline), Cancelled::Now);
        assert_eq!(leaf.cancelled(), Some(Cause::Deadline));
    }

    #[test]
    fn p9_dropped_children_leave_nothing_in_the_parent() {
        let root = Token::new();
        for _ in 0..1000 {
            let child = root.child();
            let grandchild = child.child();
            drop(child);
            drop(grandchild);
        }
        assert_eq!(root.node().inner.lock().children.len(), 1, "one place, used again and again");
        assert_eq!(Arc::strong_count(root.node()), 1);
    }

    #[test]
    fn a_deep_tree_is_cancelled_and_dropped_without_a_deep_stack() {
        let root = Token::new();
        let mut all = vec![root.clone()];
        for depth in 0..100_000 {
            let next = all[depth].child();
            all.push(next);
        }
        assert_eq!(root.cancel(Cause::Stop), Cancelled::Now);
        assert_eq!(all[100_000].cancelled(), Some(Cause::Stop));
        let last = all.pop();
        drop(all);
        drop(last);
    }

    #[test]
    fn a_callback_registered_after_the_cancel_runs_once_and_at_once() {
        let token = Token::new();
        assert_eq!(token.cancel(Cause::Stop), Cancelled::Now);
        let calls = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&calls);
        drop(token.on_cancel(move |_| {
            count.fetch_add(1, Ordering::SeqCst);
        }));
        assert_eq!(calls.load(Ordering::SeqCst), 1);
    }

    /// A wrong one has ample time to go on.
    fn goes_on<T>(thread: &std::thread::JoinHandle<T>) -> bool {
        (0..2_000).any(|_| {
            std::thread::yield_now();
            thread.is_finished()
        })
    }

    #[test]
    fn unregistering_waits_for_a_callback_that_runs_elsewhere() {
        let token = Token::new();
        let (entered_tx, entered) = std::sync::mpsc::channel();
        let (open, gate) = std::sync::mpsc::channel::<()>();
        let registration = token.on_cancel(move |_| {
            entered_tx.send(()).expect("the test lives");
            gate.recv().expect("the test opens");
        });
        let canceller = std::thread::spawn(move || token.cancel(Cause::Stop));
        entered.recv().expect("the callback runs");
        let waiter = std::thread::spawn(move || drop(registration));
        assert!(!goes_on(&waiter), "unregistered only after the callback");
        open.send(()).expect("the callback waits");
        waiter.join().expect("no panic");
        assert_eq!(canceller.join().expect("no panic"), Cancelled::Now);
    }

    #[test]
    fn a_callback_is_taken_back_alone_before_and_during_the_cancel() {
        let (token, called) = (Token::new(), Arc::new(Mutex::new(Vec::new())));
        let note = |n: u32| {
            let called = Arc::clone(&called);
            move |_| called.lock().push(n)
        };
        let later: Arc<Mutex<Option<Registration>>> = Arc::default();
        let inside = Arc::clone(&later);
        let first = token.on_cancel(move |_| drop(inside.lock().take()));
        let (second, third) = (token.on_cancel(note(2)), token.on_cancel(note(3)));
        *later.lock() = Some(token.on_cancel(note(4)));
        token.on_cancel(note(5)).forget();
        drop(second);
        assert_eq!(token.cancel(Cause::Stop), Cancelled::Now);
        let mut called = called.lock().clone();
        called.sort_unstable();
        assert_eq!(called, [3, 5], "the second went before, the fourth by the first's hand");
        drop((first, third));
    }

    #[test]
    fn a_runs_token_is_held_by_its_clones_and_children() {
        let root = Token::new();
        let token = root.child();
        assert!(!token.is_held());
        let clone = token.clone();
        assert!(token.is_held());
        drop(clone);
        assert!(!token.is_held());
        let child = token.child();
        assert!(token.is_held() && !child.is_held());
        drop(child);
        assert!(!token.is_held());
    }

    #[test]
    fn taking_back_does_not_wait_and_a_callback_before_its_turn_goes_uncalled() {
        let token = Token::new();
        token.on_cancel(|_| panic!("it was taken back")).take_back();
        let (entered_tx, entered) = std::sync::mpsc::channel();
        let (open, gate) = std::sync::mpsc::channel::<()>();
        let registration = token.on_cancel(move |_| {
            entered_tx.send(()).expect("the test lives");
            gate.recv().expect("the test opens");
        });
        let canceller = std::thread::spawn(move || token.cancel(Cause::Stop));
        entered.recv().expect("the callback runs");
        registration.take_back();
        open.send(()).expect("the callback still waits");
        assert_eq!(canceller.join().expect("no panic"), Cancelled::Now);
    }

    #[test]
    fn p9_a_forgotten_registration_keeps_no_token_alive() {
        let (token, held) = (Token::new(), Arc::new(()));
        let inside = Arc::clone(&held);
        token.on_cancel(move |_| drop(inside)).forget();
        drop(token);
        assert_eq!(Arc::strong_count(&held), 1, "the callback went with its token");
    }

    #[test]
    fn a_callback_may_unregister_itself() {
        let token = Token::new();
        let slot: Arc<Mutex<Option<Registration>>> = Arc::default();
        let inside = Arc::clone(&slot);
        let registration = token.on_cancel(move |_| drop(inside.lock().take()));
        *slot.lock() = Some(registration);
        assert_eq!(token.cancel(Cause::Stop), Cancelled::Now);
        assert!(slot.lock().is_none());
    }

    #[test]
    fn a_wait_ends_with_the_cancel_or_with_its_time() {
        let token = Token::new();
        assert_eq!(token.wait(Duration::ZERO), None);
        let other = token.child();
        let waiter = std::thread::spawn(move || other.wait(Duration::from_secs(60)));
        assert!(!goes_on(&waiter));
        assert_eq!(token.cancel(Cause::Stop), Cancelled::Now);
        assert_eq!(waiter.join().expect("no panic"), Some(Cause::Stop));
    }
}
