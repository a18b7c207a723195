//! Hosts in C: examples that are also tests, under the tools that see what C hides.

use std::process::Command;

use crate::libs::{Link, compile, first_program, have, host, installed, package, run};

/// A host as a user would link it.
fn plain(name: &str) -> String {
    let program = compile(&host(&format!("c/{name}.c")), name, Link::Shared, &[]);
    run(Command::new(program).env("TMPDIR", env!("CARGO_TARGET_TMPDIR")))
}

fn address_sanitizer(name: &str) {
    let flags = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"];
    let source = host(&format!("c/{name}.c"));
    let program = compile(&source, &format!("{name}-asan"), Link::Static, &flags);
    run(Command::new(program).env("ASAN_OPTIONS", "detect_leaks=1"));
}

fn memcheck(name: &str) {
    if !have("valgrind", "memcheck on a C host") {
        return;
    }
    let source = host(&format!("c/{name}.c"));
    let program = compile(&source, &format!("{name}-valgrind"), Link::Static, &[]);
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
fn the_chat_host_runs_with_the_shared_library() {
    let said = plain("chat");
    assert!(said.starts_with("chat: fine"), "{said}");
}

#[test]
fn a_host_with_an_event_loop_runs_with_the_shared_library() {
    let said = plain("port");
    assert!(said.starts_with("port: fine"), "{said}");
}

#[test]
fn a_host_with_an_event_loop_is_clean_under_address_sanitizer() {
    address_sanitizer("port");
}

#[test]
fn a_host_with_an_event_loop_is_clean_under_memcheck() {
    memcheck("port");
}

#[test]
fn p4_p11_a_host_that_ends_at_any_step_loses_nothing_and_hangs_nothing() {
    let said = plain("ends");
    assert!(said.starts_with("ends: fine"), "{said}");
}

#[test]
#[cfg(target_os = "linux")]
fn signals_cut_nothing_short() {
    let said = plain("storm");
    assert!(said.starts_with("storm: fine"), "{said}");
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
    address_sanitizer("chat");
}

#[test]
fn the_chat_host_is_clean_under_memcheck() {
    memcheck("chat");
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
