//! The ABI as a snapshot: symbols, numbers, sizes and places. A difference is a decision.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use crate::header::{functions, header, is_as_committed};
use crate::libs::{Link, compile, have, lib, run};

/// Every `#define` with a number.
fn numbers() -> Vec<(String, String)> {
    let header = header();
    let defines = header.lines().filter_map(|line| line.strip_prefix("#define ")?.split_once(' '));
    let mut all: Vec<_> = defines.map(|(name, n)| (name.to_owned(), n.to_owned())).collect();
    all.sort();
    all
}

/// Every struct with its fields.
fn structs() -> Vec<(String, Vec<String>)> {
    let header = header();
    let mut found: Vec<(String, Vec<String>)> = Vec::new();
    let mut inside = false;
    for line in header.lines() {
        if let Some(name) = line.strip_prefix("typedef struct ").and_then(|l| l.strip_suffix(" {"))
        {
            found.push((name.to_owned(), Vec::new()));
            inside = true;
        } else if line.starts_with('}') {
            inside = false;
        } else if let (true, Some(field)) = (inside, line.strip_suffix(';')) {
            let name = field.rsplit([' ', '*']).next().unwrap_or_default();
            let name = name.split('[').next().unwrap_or_default();
            found.last_mut().expect("inside one").1.push(name.to_owned());
        }
    }
    found.sort();
    found
}

/// What the C compiler makes of the header.
fn layout() -> String {
    let mut source = String::from("#include \"laneq.h\"\n#include <stdio.h>\nint main(void) {\n");
    for (name, fields) in structs() {
        writeln!(source, "printf(\"struct {name} %zu\\n\", sizeof({name}));").expect("memory");
        for field in fields {
            let at = format!("offsetof({name}, {field}), sizeof((({name} *)0)->{field})");
            writeln!(source, "printf(\"  {field} at %zu, %zu\\n\", {at});").expect("memory");
        }
    }
    for (name, _) in numbers() {
        writeln!(source, "printf(\"number {name} %lld\\n\", (long long)({name}));")
            .expect("memory");
    }
    source.push_str("return 0; }\n");
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("layout.c");
    std::fs::write(&path, source).expect("it can be written");
    run(&mut Command::new(compile(&path, "layout", Link::Shared, &[])))
}

#[test]
#[cfg(target_pointer_width = "64")]
fn symbols_numbers_sizes_and_places_are_as_committed() {
    let mut now = String::new();
    let mut names: Vec<String> = functions().into_iter().map(|(name, _)| name).collect();
    names.sort();
    for name in names {
        writeln!(now, "function {name}").expect("memory");
    }
    now.push_str(&layout());
    is_as_committed("tests/capi/abi.txt", &now);
}

#[test]
fn no_number_is_used_twice() {
    let all = numbers();
    let mut seen: Vec<&str> = Vec::new();
    for (name, number) in all.iter().filter(|(name, _)| {
        name == "LANEQ_OK" || name.starts_with("LANEQ_E_") || name.starts_with("LANEQ_REFUSED_")
    }) {
        assert!(!seen.contains(&&**number), "{name} {number}");
        seen.push(number);
    }
    assert!(seen.len() > 30);
}

#[test]
#[cfg(target_os = "linux")]
fn the_library_exports_what_the_header_has_and_nothing_else() {
    if !have("nm", "the symbols of the library") {
        return;
    }
    let library = lib().join("liblaneq.so");
    let said = run(Command::new("nm").args(["-D", "--defined-only"]).arg(&library));
    let mut exported: Vec<&str> = said.lines().filter_map(|l| l.split(' ').nth(2)).collect();
    exported.sort_unstable();
    let functions = functions();
    let mut named: Vec<&str> = functions.iter().map(|(name, _)| &**name).collect();
    named.sort_unstable();
    assert_eq!(exported, named);
    let said = run(Command::new("readelf").arg("-d").arg(&library));
    assert!(said.contains("SONAME") && said.contains("[liblaneq.so.0]"), "{said}");
}

#[test]
fn every_status_has_its_words() {
    use laneq::capi::status::laneq_status_text;
    let words = |status| {
        // SAFETY: it has a NUL at its end, and lives for ever.
        unsafe { std::ffi::CStr::from_ptr(laneq_status_text(status)) }.to_str().expect("UTF-8")
    };
    let none = words(-99);
    for (name, number) in numbers() {
        if name.starts_with("LANEQ_E_") || name.starts_with("LANEQ_REFUSED_") || name == "LANEQ_OK"
        {
            assert_ne!(words(number.parse().expect("a number")), none, "{name}");
        }
    }
}
