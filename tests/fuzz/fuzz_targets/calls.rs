//! Bytes as sequences of C calls.

#![no_main]
#![allow(dead_code, reason = "the tests of the C ABI use more of these files")]

#[path = "../../capi/args.rs"]
mod args;
#[path = "../../capi/driver.rs"]
mod driver;
#[path = "../../capi/table.rs"]
mod table;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    driver::drive(bytes);
});
