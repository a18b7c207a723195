//! Who waits for whom: sessions, by their serial numbers. P8: a wait that would close a cycle is
//! refused at once, with the cycle named. A leaf lock that only blocking waits touch.

use std::collections::HashMap;

use crate::model::RunId;
use crate::sync::{Arc, Mutex};

/// A session in the graph.
#[derive(Clone, Debug)]
pub(crate) struct Stop {
    pub(crate) serial: u64,
    pub(crate) key: Arc<str>,
}

struct Edge {
    id: u64,
    run: RunId,
    from: Arc<str>,
    to: Stop,
}

#[derive(Default)]
struct Graph {
    edges: HashMap<u64, Vec<Edge>>,
    next: u64,
}

/// All waits in progress.
#[derive(Default)]
pub(crate) struct WaitGraph(Mutex<Graph>);

/// One wait, to be ended. Ended twice, it is ended once.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct EdgeId {
    from: u64,
    id: u64,
}

impl WaitGraph {
    /// A run of `from` waits for something of `to`; or the cycle that this would close, first and
    /// last the same.
    pub(crate) fn begin(&self, run: RunId, from: &Stop, to: Stop) -> Result<EdgeId, Vec<String>> {
        let mut graph = self.0.lock();
        if let Some(mut path) = graph.path(&to, from.serial) {
            path.insert(0, name(&from.key));
            return Err(path);
        }
        let id = graph.next;
        graph.next += 1;
        let key = Arc::clone(&from.key);
        graph.edges.entry(from.serial).or_default().push(Edge { id, run, from: key, to });
        Ok(EdgeId { from: from.serial, id })
    }

    pub(crate) fn end(&self, edge: EdgeId) {
        self.retain(edge.from, |e| e.id != edge.id);
    }

    /// The run is fenced: it waits for nobody any more.
    pub(crate) fn forget(&self, session: u64, run: RunId) {
        self.retain(session, |e| e.run != run);
    }

    fn retain(&self, from: u64, keep: impl Fn(&Edge) -> bool) {
        let mut graph = self.0.lock();
        if let Some(edges) = graph.edges.get_mut(&from) {
            edges.retain(keep);
            if edges.is_empty() {
                graph.edges.remove(&from);
            }
        }
    }
}

fn name(key: &str) -> String {
    format!("{key:?}")
}

impl Graph {
    /// The names on a way from `start` to `goal`, both included.
    fn path(&self, start: &Stop, goal: u64) -> Option<Vec<String>> {
        // Each entry is a session with how it was reached; visited once.
        let mut reached = vec![(start.clone(), usize::MAX)];
        let mut next = 0;
        while let Some((stop, _)) = reached.get(next).cloned() {
            if stop.serial == goal {
                return Some(Self::names(&reached, next));
            }
            for edge in self.edges.get(&stop.serial).into_iter().flatten() {
                debug_assert!(*edge.from == *stop.key);
                if !reached.iter().any(|(seen, _)| seen.serial == edge.to.serial) {
                    reached.push((edge.to.clone(), next));
                }
            }
            next += 1;
        }
        None
    }

    fn names(reached: &[(Stop, usize)], last: usize) -> Vec<String> {
        let mut names = Vec::new();
        let mut at = last;
        while let Some((stop, from)) = reached.get(at) {
            names.push(name(&stop.key));
            at = *from;
        }
        names.reverse();
        names
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stop(serial: u64) -> Stop {
        Stop { serial, key: format!("s{serial}").into() }
    }

    #[test]
    fn p8_a_cycle_is_refused_and_named() {
        let graph = WaitGraph::default();
        let run = RunId::new(1);
        let first = graph.begin(run, &stop(1), stop(2)).expect("no cycle");
        let _second = graph.begin(run, &stop(2), stop(3)).expect("no cycle");
        let cycle = graph.begin(run, &stop(3), stop(1)).expect_err("a cycle of three");
        assert_eq!(cycle, ["\"s3\"", "\"s1\"", "\"s2\"", "\"s3\""]);
        graph.end(first);
        graph.begin(run, &stop(3), stop(1)).map(drop).expect("no cycle any more");
    }

    #[test]
    fn p8_waiting_for_oneself_is_the_shortest_cycle() {
        let cycle = WaitGraph::default().begin(RunId::new(1), &stop(1), stop(1));
        assert_eq!(cycle, Err(vec!["\"s1\"".to_owned(), "\"s1\"".to_owned()]));
    }

    #[test]
    fn a_forgotten_run_waits_for_nobody() {
        let graph = WaitGraph::default();
        let _edge = graph.begin(RunId::new(1), &stop(1), stop(2)).expect("no cycle");
        graph.forget(1, RunId::new(1));
        graph.begin(RunId::new(2), &stop(2), stop(1)).map(drop).expect("no cycle any more");
    }
}
