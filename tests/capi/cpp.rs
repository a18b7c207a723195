//! Hosts in C++: the header with the classes, and what is said of it.

use std::fs;
use std::process::Command;

use crate::header::{functions, root};
use crate::libs::{Link, compile, first_program, have, host, run};

/// Rows of `FAILURES.md`: F17.
#[test]
fn the_chat_host_runs_with_the_shared_library() {
    if have("c++", "the host in C++") {
        let program = compile(&host("cpp/chat.cpp"), "chat-cpp", Link::Shared, &[]);
        assert!(run(&mut Command::new(program)).starts_with("chat: fine"));
    }
}

#[test]
fn the_chat_host_is_clean_under_address_sanitizer() {
    if have("c++", "the host in C++ under ASan") {
        let flags = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"];
        let program = compile(&host("cpp/chat.cpp"), "chat-cpp-asan", Link::Static, &flags);
        run(Command::new(program).env("ASAN_OPTIONS", "detect_leaks=1"));
    }
}

#[test]
fn the_program_of_the_readme_does_what_it_says() {
    if have("c++", "the C++ of the README") {
        let source = first_program("cpp", "first.cpp");
        let program = compile(&source, "first-cpp", Link::Shared, &[]);
        assert_eq!(run(&mut Command::new(program)), "hello\n");
    }
}

#[test]
fn the_classes_call_every_function_of_the_header() {
    let dir = root().join("src/capi");
    let mut text = fs::read_to_string(dir.join("laneq.hpp")).expect("laneq.hpp");
    for file in fs::read_dir(dir.join("laneq")).expect("its parts") {
        let path = file.expect("the folder can be read").path();
        text += &fs::read_to_string(path).expect("it can be read");
    }
    let word = |c: char| !(c.is_ascii_alphanumeric() || c == '_');
    let called: Vec<_> = text.split(word).collect();
    // These say something without an object.
    let plain = ["laneq_abi_version", "laneq_version", "laneq_status_text"];
    for (name, _) in functions() {
        assert!(called.contains(&&*name) || plain.contains(&&*name), "{name} is in no class");
    }
}
