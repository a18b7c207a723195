//! Hosts in C, Python and JavaScript: examples that are also tests, C's under the tools that see
//! what C hides.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use crate::header::root;
use crate::libs::{
    Link, compile, first_program, have, host, installed, not_checked, of_the_readme, package, run,
    shared,
};

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

/// Rows of `FAILURES.md`: F17.
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

/// Rows of `FAILURES.md`: F16.
#[test]
fn a_host_with_an_event_loop_is_clean_under_address_sanitizer() {
    address_sanitizer("port");
}

#[test]
fn a_host_with_an_event_loop_is_clean_under_memcheck() {
    memcheck("port");
}

/// Rows of `FAILURES.md`: F29.
#[test]
fn p4_p11_a_host_that_ends_at_any_step_loses_nothing_and_hangs_nothing() {
    let said = plain("ends");
    assert!(said.starts_with("ends: fine"), "{said}");
}

/// Rows of `FAILURES.md`: F19.
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

/// Rows of `FAILURES.md`: F19.
#[test]
fn a_forked_child_is_turned_away() {
    let program = compile(&host("c/fork.c"), "fork", Link::Shared, &[]);
    assert!(run(&mut Command::new(program)).starts_with("fork: fine"));
}

#[test]
fn the_chat_host_is_clean_under_address_sanitizer() {
    address_sanitizer("chat");
}

/// Rows of `FAILURES.md`: F16.
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

/// A program of `tests/hosts/python`, which finds the library by name.
fn python(arguments: &[&str]) -> String {
    let mut python = Command::new("python3");
    python.current_dir(root().join("tests/hosts/python")).args(arguments);
    python.env("PYTHONDONTWRITEBYTECODE", "1").env("LANEQ_LIBRARY", shared());
    run(&mut python)
}

#[test]
fn the_python_hosts_run() {
    if !have("python3", "the package for Python") {
        return;
    }
    assert!(python(&["chat.py"]).starts_with("chat: fine"));
    assert!(python(&["chat_async.py"]).starts_with("chat_async: fine"));
    python(&["-m", "unittest", "-q", "test_laneq"]);
}

#[test]
fn the_python_program_of_the_readme_does_what_it_says() {
    if !have("python3", "the README's program in Python") {
        return;
    }
    assert_eq!(python(&["-c", &of_the_readme("python")]), "you said: hello\nyou said: hello\n");
}

/// The package for Node with what it needs, which npm fetches once. None if that cannot be had.
fn node() -> Option<PathBuf> {
    static PLACE: OnceLock<Option<PathBuf>> = OnceLock::new();
    let fetch = || {
        if !have("node", "the package for Node") || !have("npm", "the package for Node") {
            return None;
        }
        let place = Path::new(env!("CARGO_TARGET_TMPDIR")).join("node");
        std::fs::create_dir_all(&place).expect("a folder for the package");
        let source = root().join("tests/hosts/node");
        let files =
            ["package.json", "package-lock.json", ".npmrc", "lib", "chat.mjs", "laneq.test.mjs"];
        run(Command::new("cp").arg("-R").args(files.map(|file| source.join(file))).arg(&place));
        if !place.join("node_modules/koffi").exists() {
            let said = Command::new("npm").arg("ci").current_dir(&place).output();
            let said = said.expect("npm can be started");
            if !said.status.success() {
                let words = String::from_utf8_lossy(&said.stderr).into_owned();
                assert!(std::env::var_os("CI").is_none(), "npm cannot fetch koffi:\n{words}");
                not_checked(&format!(
                    "npm cannot fetch koffi, so not the package for Node: {words}"
                ));
                return None;
            }
        }
        Some(place)
    };
    PLACE.get_or_init(fetch).clone()
}

fn javascript(place: &Path, arguments: &[&str]) -> String {
    let mut node = Command::new("node");
    run(node.current_dir(place).args(arguments).env("LANEQ_LIBRARY", shared()))
}

#[test]
fn the_node_host_runs() {
    let Some(place) = node() else { return };
    assert!(javascript(&place, &["chat.mjs"]).starts_with("chat: fine"));
    javascript(&place, &["--expose-gc", "laneq.test.mjs"]);
}

#[test]
fn the_node_program_of_the_readme_does_what_it_says() {
    let Some(place) = node() else { return };
    // A package finds itself by its own name.
    std::fs::write(place.join("first.mjs"), of_the_readme("js")).expect("it can be written");
    assert_eq!(javascript(&place, &["first.mjs"]), "you said: hello\n");
}
