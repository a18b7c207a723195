//! Hosts in C: examples that are also tests, under the tools that see what C hides.

use std::process::Command;

use crate::libs::{Link, compile, first_program, have, host, installed, package, run};

#[test]
fn the_chat_host_runs_with_the_shared_library() {
    let said = run(&mut Command::new(compile(&host("c/chat.c"), "chat", Link::Shared, &[])));
    assert!(said.starts_with("chat: fine"), "{said}");
}

#[test]
fn the_program_of_the_readme_does_what_it_says() {
    let source = first_program("c", "first.c");
    let said = run(&mut Command::new(compile(&source, "first", Link::Shared, &[])));
    assert_eq!(said, "hello\n");
}

#[test]
fn a_forked_child_is_turned_away() {
    let program = compile(&host("c/fork.c"), "fork", Link::Shared, &[]);
    assert!(run(&mut Command::new(program)).starts_with("fork: fine"));
}

#[test]
fn the_chat_host_is_clean_under_address_sanitizer() {
    let flags = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"];
    let program = compile(&host("c/chat.c"), "chat-asan", Link::Static, &flags);
    run(Command::new(program).env("ASAN_OPTIONS", "detect_leaks=1"));
}

#[test]
fn the_chat_host_is_clean_under_memcheck() {
    if !have("valgrind", "memcheck on the C host") {
        return;
    }
    let program = compile(&host("c/chat.c"), "chat-valgrind", Link::Static, &[]);
    let kinds = "definite,indirect";
    let leaks = [
        "--leak-check=full".to_owned(),
        format!("--show-leak-kinds={kinds}"),
        format!("--errors-for-leak-kinds={kinds}"),
    ];
    let mut valgrind = Command::new("valgrind");
    run(valgrind.args(["-q", "--error-exitcode=9"]).args(leaks).arg(program));
}

#[test]
fn the_script_installs_what_a_user_links_by() {
    let version = package("Version");
    assert_eq!(version, env!("CARGO_PKG_VERSION"));
    assert_eq!(package("Libs"), "-L${libdir} -llaneq");
    let text = std::fs::read_to_string(installed().join("usr/lib/pkgconfig/laneq.pc"));
    let text = text.expect("laneq.pc");
    assert!(text.starts_with("prefix=/usr\n") && !text.contains("tmp"), "{text}");
}
