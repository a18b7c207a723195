//! The tree under the cancel tokens. The first cause wins and stays; children in a parent's slab come
//! and go in constant time.
//!
//! A node stays in its parent's slab while its token or any descendant lives, and a child holds its
//! parent, so that a cancel from far above still arrives when a token in between is gone.

use crate::model::Cause;
use crate::sync::atomic::{AtomicU8, Ordering};
use crate::sync::{Arc, Condvar, Mutex, caught, thread};

pub(super) type Callback = Box<dyn FnOnce(Cause) + Send>;
type Callbacks = Vec<(u64, Callback)>;
/// A slab: gone children leave an empty place.
type Children = Vec<Option<Arc<Node>>>;

/// In place of a thread: the callback's turn has not come.
pub(super) const UNCALLED: usize = usize::MAX;

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Owner {
    Present,
    Gone,
}

pub(super) struct Inner {
    pub(super) children: Children,
    /// Empty places of `children`.
    pub(super) free: Vec<usize>,
    pub(super) callbacks: Callbacks,
    /// Callbacks that a cancel has taken and not yet finished, with its thread or `UNCALLED`.
    pub(super) firing: Vec<(u64, usize)>,
    pub(super) next: u64,
    pub(super) owner: Owner,
}

pub(crate) struct Node {
    /// 0 while nobody has cancelled. Written once, under `inner`; read by anybody.
    pub(super) cause: AtomicU8,
    /// One node's lock at a time: a walk takes what it needs, unlocks and goes on.
    pub(super) inner: Mutex<Inner>,
    pub(super) changed: Condvar,
    /// The parent and this node's place in it.
    parent: Option<(Arc<Node>, usize)>,
}

impl Node {
    pub(super) fn new(parent: Option<(Arc<Node>, usize)>) -> Self {
        let inner = Inner {
            children: Vec::new(),
            free: Vec::new(),
            callbacks: Vec::new(),
            firing: Vec::new(),
            next: 0,
            owner: Owner::Present,
        };
        Self { cause: AtomicU8::new(0), inner: Mutex::new(inner), changed: Condvar::new(), parent }
    }

    pub(super) fn cause(&self) -> Option<Cause> {
        // Acquire: whoever sees the cause sees what the canceller did before.
        Cause::of_bits(self.cause.load(Ordering::Acquire))
    }

    /// Sets the cause here; answers the children and callbacks that must hear of it.
    pub(super) fn set(&self, cause: Cause) -> Option<(Children, Callbacks)> {
        let mut inner = self.inner.lock();
        if self.cause().is_some() {
            return None;
        }
        self.cause.store(cause.bits(), Ordering::Release);
        let callbacks = std::mem::take(&mut inner.callbacks);
        inner.firing.extend(callbacks.iter().map(|(id, _)| (*id, UNCALLED)));
        // Children stay in the slab only as long as they can still be cancelled.
        let children = std::mem::take(&mut inner.children);
        inner.free.clear();
        drop(inner);
        self.changed.notify_all();
        Some((children, callbacks))
    }
}

impl Drop for Node {
    /// Up the chain in a loop: a deep tree must not overflow the stack.
    fn drop(&mut self) {
        let mut above = self.parent.take();
        while let Some((node, _)) = above {
            above = Arc::into_inner(node).and_then(|mut node| node.parent.take());
        }
    }
}

/// Takes `node` out of its parent once neither its token nor a child needs it, and so on upwards.
pub(super) fn unlink(mut node: Arc<Node>) {
    loop {
        let Some((parent, place)) = node.parent.as_ref().map(|(p, at)| (Arc::clone(p), *at)) else {
            return;
        };
        let (child, parent_done) = {
            let mut inner = parent.inner.lock();
            // After a cancel the slab is empty, or has other children at this place.
            let ours = inner.children.get(place).and_then(Option::as_ref);
            if !ours.is_some_and(|child| Arc::ptr_eq(child, &node)) {
                return;
            }
            let child = inner.children[place].take();
            inner.free.push(place);
            let childless = inner.free.len() == inner.children.len();
            (child, childless && inner.owner == Owner::Gone)
        };
        drop(child);
        if !parent_done {
            return;
        }
        node = parent;
    }
}

/// What a cancel has to call, still uncalled: the timer thread hands it to another.
#[must_use]
pub(crate) struct Fired {
    pub(super) cause: Cause,
    pub(super) calls: Vec<(Arc<Node>, u64, Callback)>,
}

impl Fired {
    pub(crate) fn is_empty(&self) -> bool {
        self.calls.is_empty()
    }

    /// Calls the callbacks, one after the other. P7: no lock is held, a panic stays here.
    pub(crate) fn call(self) {
        let me = thread::number();
        for (node, id, callback) in self.calls {
            match node.inner.lock().firing.iter_mut().find(|(i, _)| *i == id) {
                Some(entry) => entry.1 = me,
                // Taken back before its turn: a callback may do that to a later one.
                None => continue,
            }
            let _ = caught::call(|| callback(self.cause));
            node.inner.lock().firing.retain(|(i, _)| *i != id);
            node.changed.notify_all();
        }
    }
}
