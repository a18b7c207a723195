//! The C ABI: the header, the libraries, every argument, and a host in C.

mod header;
