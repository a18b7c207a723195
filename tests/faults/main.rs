//! The journal under a process that is killed, a disk that fails and a system that refuses. P11.
//!
//! Each test starts this very program again as a child that holds a journaled engine and says on
//! its standard output what it submitted, what was acknowledged and what ran. The checker is the
//! parent: it believes nothing but these lines. `LANEQ_KILLS` is the number of kills of each test
//! with kills, `LANEQ_FAULTS=full` takes every place where few are taken otherwise, and
//! `LANEQ_SEED` repeats a run.

mod books;
mod child;
mod kills;
#[cfg(target_os = "linux")]
mod limits;
mod system;
mod tools;
