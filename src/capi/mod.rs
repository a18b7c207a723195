//! The C ABI: `laneq.h` is made of this module. Handles are numbers, every call answers a status,
//! and nothing of Rust gets out: no panic, no pointer that outlives its handle.
//!
//! One way through all of it: `call::entry` looks where it is called from and catches what panics;
//! inside, `handle` turns numbers into what they stand for, `text` and `options` read what C points
//! at. The rest is the Rust API, call by call. It is public for the tests: Rust has the real one.

#![allow(unsafe_code, reason = "C hands us pointers; every other module does without")]
#![allow(non_camel_case_types, reason = "these names are those of the header")]
#![allow(clippy::missing_safety_doc, reason = "the head of laneq.h says it once, for all")]

#[cfg(panic = "abort")]
compile_error!("the C ABI promises that a panic is a status: build with panic = \"unwind\"");

pub mod status;
pub mod call;
mod home;
mod handle;
pub mod numbers;
pub mod text;
mod options;
pub mod user;
pub mod engine;
pub mod message;
pub mod receipt;
pub mod submit;
pub mod admission;
pub mod journal;
pub mod run;
pub mod boundary;
pub mod handler;
pub mod steers;
pub mod ledger;
pub mod children;
pub mod token;
pub mod control;
pub mod lanes;
pub mod events;
pub mod ending;
pub mod port;
pub mod notice;
