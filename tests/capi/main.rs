//! The C ABI: the header, the libraries, every argument, and hosts in C.

#![allow(clippy::wildcard_imports, reason = "the names all begin with laneq_")]

mod header;
mod libs;
mod reentry;
mod abi;
mod args;
mod arguments;
mod bench;
mod driver;
mod sequences;
mod hosts;
mod ports;
mod stage;
mod table;
