//! The C ABI: the header, the libraries, every argument, and hosts in C.

mod header;
mod libs;
mod abi;
mod hosts;
