//! The C ABI: the header, the libraries, every argument, and hosts in C, C++ and Go.

#![allow(clippy::wildcard_imports, reason = "the names all begin with laneq_")]
#![allow(clippy::result_large_err, reason = "a refused message comes home, whole")]

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
mod cpp;
mod go;
mod ports;
mod stage;
mod table;
