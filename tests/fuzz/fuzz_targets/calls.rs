//! Bytes as sequences of C calls.

#![no_main]
#![allow(dead_code, reason = "the tests of the C ABI use more of these files")]

#[path = "../../capi/args.rs"]
mod args;
#[path = "../../capi/driver.rs"]
mod driver;
#[path = "../plant.rs"]
mod plant;
#[path = "../../capi/table.rs"]
mod table;

use laneq::capi::status::{LANEQ_E_HANDLE, LANEQ_OK};

/// Planted: one function does not look whether its engine was freed, which no file of the corpus does
/// before it calls it. The driver must notice.
fn seam(name: &str, freed: bool, status: i32) -> i32 {
    let blind = freed && status == LANEQ_E_HANDLE && name == "laneq_submit";
    if blind && plant::is_planted() {
        eprintln!("the planted mistake: {name}");
        return LANEQ_OK;
    }
    status
}

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    driver::drive_through(bytes, seam);
});
