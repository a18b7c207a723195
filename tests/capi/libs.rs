//! The libraries as a user gets them: built and installed by the script, once for all tests.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use crate::header::root;

/// Has the script put everything there: `usr/lib`, `usr/include`.
pub fn install(place: PathBuf, profile: &str) -> PathBuf {
    let script = root().join("src/capi/install.sh");
    let (profile, destdir) = (format!("profile={profile}"), format!("destdir={}", place.display()));
    run(Command::new("sh").arg(script).args(["prefix=/usr", &profile, &destdir]));
    place
}

/// Where everything is, for all tests.
pub fn installed() -> &'static Path {
    static PLACE: OnceLock<PathBuf> = OnceLock::new();
    PLACE.get_or_init(|| install(Path::new(env!("CARGO_TARGET_TMPDIR")).join("capi"), "dev"))
}

pub fn lib() -> PathBuf {
    installed().join("usr/lib")
}

/// The shared library, for hosts that load it by name.
pub fn shared() -> PathBuf {
    lib().join(if cfg!(target_os = "macos") { "liblaneq.dylib" } else { "liblaneq.so" })
}

/// Runs a command, which must do well.
pub fn run(command: &mut Command) -> String {
    let Output { status, stdout, stderr } = command.output().expect("it can be started");
    let (stdout, stderr) = (String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    assert!(status.success(), "{command:?}: {status}\n{stdout}\n{stderr}");
    stdout.into_owned()
}

/// Whether a tool is here. If not, that is said past the test harness, which swallows the rest.
pub fn have(tool: &str, what: &str) -> bool {
    let here = Command::new(tool).arg("--version").output().is_ok();
    if !here {
        not_checked(&format!("no {tool} here, so not {what}"));
    }
    here
}

pub fn not_checked(why: &str) {
    let _ = writeln!(std::io::stderr(), "NOT CHECKED: {why}");
}

/// The first program of the README in a language.
pub fn of_the_readme(language: &str) -> String {
    let readme = std::fs::read_to_string(root().join("README.md")).expect("the README");
    let fence = format!("```{language}\n");
    let program = readme.split(&fence).nth(1).and_then(|rest| rest.split("```").next());
    program.expect("a program").to_owned()
}

/// The same, as a file of that name.
pub fn first_program(language: &str, name: &str) -> PathBuf {
    let source = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&source, of_the_readme(language)).expect("it can be written");
    source
}

/// The value of a line of `laneq.pc`.
pub fn package(name: &str) -> String {
    package_in(installed(), name)
}

fn package_in(place: &Path, name: &str) -> String {
    let text = std::fs::read_to_string(place.join("usr/lib/pkgconfig/laneq.pc")).expect("laneq.pc");
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
    line.unwrap_or_else(|| panic!("{name} in laneq.pc:\n{text}")).to_owned()
}

/// How a host is linked.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Link {
    Shared,
    Static,
}

/// Compiles a host of `tests/hosts`, or a source elsewhere, in C or C++.
pub fn compile(source: &Path, name: &str, link: Link, flags: &[&str]) -> PathBuf {
    compile_with(installed(), source, name, link, flags)
}

/// The same, with the libraries that are installed there.
pub fn compile_with(
    place: &Path,
    source: &Path,
    name: &str,
    link: Link,
    flags: &[&str],
) -> PathBuf {
    let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let lib = place.join("usr/lib");
    let cpp = source.extension().is_some_and(|extension| extension == "cpp");
    let (compiler, standard) = if cpp { ("c++", "-std=c++17") } else { ("cc", "-std=c11") };
    let mut cc = Command::new(compiler);
    cc.args([standard, "-Wall", "-Wextra", "-Werror", "-pedantic", "-g"]).args(flags);
    cc.arg("-I").arg(place.join("usr/include")).arg("-o").arg(&program).arg(source);
    match link {
        Link::Shared => {
            cc.arg("-L").arg(&lib).args(["-llaneq", "-lpthread"]);
            cc.arg(format!("-Wl,-rpath,{}", lib.display()));
        }
        Link::Static => {
            let private = package_in(place, "Libs.private");
            cc.arg(lib.join("liblaneq.a")).args(private.split_whitespace());
        }
    }
    run(&mut cc);
    program
}

/// A host by its language and file, `c/chat.c`.
pub fn host(name: &str) -> PathBuf {
    root().join("tests/hosts").join(name)
}
