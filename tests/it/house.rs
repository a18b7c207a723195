//! The rules of the house, as tests: imports point upwards, files stay small, and locks, channels,
//! threads and atomics come through `sync` alone.

use std::fs;
use std::path::{Path, PathBuf};

fn src() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

fn rust_files(dir: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(dir).expect("the folder is there") {
        let path = entry.expect("the folder can be read").path();
        if path.ends_with("target") {
            continue;
        }
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|e| e == "rs") {
            files.push(path);
        }
    }
    files.sort();
    files
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).expect("the file can be read")
}

/// The lines before the unit tests, without comments.
fn code(text: &str) -> Vec<&str> {
    let before = text.split("#[cfg(test)]\nmod ").next().unwrap_or_default();
    before.lines().filter(|line| !line.trim_start().starts_with("//")).collect()
}

/// The modules of `lib.rs`, in reading order.
fn reading_order() -> Vec<String> {
    let lib = read(&src().join("lib.rs"));
    let module = |line: &str| {
        let line = line.strip_prefix("pub ").unwrap_or(line);
        Some(line.strip_prefix("mod ")?.strip_suffix(';')?.to_owned())
    };
    lib.lines().filter_map(|line| module(line.trim())).collect()
}

/// The module of the library that a file belongs to.
fn module_of(path: &Path) -> String {
    let inside = path.strip_prefix(src()).expect("a file of ours");
    let first = inside.components().next().expect("a file has a name");
    first.as_os_str().to_string_lossy().trim_end_matches(".rs").to_owned()
}

#[test]
fn imports_point_upwards() {
    let order = reading_order();
    assert!(order.len() >= 9, "lib.rs lists the modules in reading order: {order:?}");
    for path in rust_files(&src()) {
        let Some(rank) = order.iter().position(|m| *m == module_of(&path)) else { continue };
        let text = read(&path);
        for later in &order[rank + 1..] {
            let pattern = format!("crate::{later}::");
            let hit = code(&text).into_iter().find(|line| line.contains(&pattern));
            let module = &order[rank];
            assert!(
                hit.is_none(),
                "`{module}` imports `{later}`, listed below it: {path:?} {hit:?}"
            );
        }
    }
}

#[test]
fn every_module_is_listed_once_in_reading_order() {
    let mut listed = reading_order();
    let program = ["cli", "main", "lib"].map(str::to_owned);
    let mut found: Vec<String> = rust_files(&src()).iter().map(|p| module_of(p)).collect();
    found.dedup();
    found.retain(|m| !program.contains(m));
    listed.sort();
    assert_eq!(listed, found);
}

#[test]
fn files_are_small_enough_to_be_read() {
    let beside = ["../tests", "../benches", "../examples"].map(|dir| rust_files(&src().join(dir)));
    let all = rust_files(&src()).into_iter().chain(beside.into_iter().flatten());
    for path in all {
        let lines = read(&path).lines().count();
        assert!(lines <= 400, "{path:?} has {lines} lines: which noun is hiding in it?");
    }
}

#[test]
fn locks_channels_threads_and_atomics_come_through_sync() {
    let doors = ["std::sync", "std::thread", "parking_lot", "crossbeam_channel", "rayon"];
    let order = reading_order();
    for path in rust_files(&src()) {
        let module = module_of(&path);
        if !order.contains(&module) || module == "sync" {
            continue;
        }
        // Plain shared ownership is data, not synchronization: `model` has no other use for it.
        let allowed = |line: &str| line.contains("std::sync::Arc") || line.contains("Arc<str>");
        let text = read(&path);
        for line in code(&text) {
            let hit = doors.iter().find(|door| line.contains(**door));
            assert!(hit.is_none() || allowed(line), "{path:?} goes past `sync`: {line}");
        }
    }
}

#[test]
fn source_is_ascii() {
    for path in rust_files(&src()) {
        let text = read(&path);
        let bad = text.lines().find(|line| !line.is_ascii());
        assert!(bad.is_none(), "{path:?}: {bad:?}");
    }
}

#[test]
fn unsafe_code_is_denied_at_the_root() {
    assert!(read(&src().join("lib.rs")).contains("#![deny(unsafe_code)]"));
    assert!(read(&src().join("main.rs")).contains("#![forbid(unsafe_code)]"));
}
