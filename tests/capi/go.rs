//! Hosts in Go: the package over the C ABI, without a module of anybody else's.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::header::root;
use crate::libs::{first_program, have, installed, lib, run};

/// `go` in a folder, with the library as it is installed, and without a network.
fn go(folder: &Path) -> Command {
    let mut go = Command::new("go");
    go.current_dir(folder);
    go.env("CGO_ENABLED", "1").env("CGO_CFLAGS", include());
    go.env("CGO_LDFLAGS", format!("-L{0} -Wl,-rpath,{0}", lib().display()));
    go.env("GOCACHE", tmp("go-cache")).env("GOPATH", tmp("go-path"));
    go.env("GOPROXY", "off").env("GOTOOLCHAIN", "local").env("GOFLAGS", "-mod=mod");
    go
}

fn include() -> String {
    format!("-O1 -Wall -Werror -I{}", installed().join("usr/include").display())
}

fn tmp(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(name)
}

fn package() -> PathBuf {
    root().join("tests/hosts/go")
}

#[test]
fn the_chat_host_runs() {
    if have("go", "the host in Go") {
        let program = tmp("chat-go");
        run(go(&package()).args(["build", "-o"]).arg(&program).arg("./chat"));
        assert!(run(&mut Command::new(program)).starts_with("chat: fine"));
        run(go(&package()).args(["vet", "./..."]));
    }
}

#[test]
fn the_program_of_the_readme_does_what_it_says() {
    if have("go", "the Go of the README") {
        let folder = tmp("first-go");
        fs::create_dir_all(&folder).expect("a folder");
        fs::copy(first_program("go", "first.go"), folder.join("first.go")).expect("a copy");
        let replace = format!("replace laneq => {}", package().display());
        let module = format!("module first\n\ngo 1.19\n\nrequire laneq v0.0.0\n\n{replace}\n");
        fs::write(folder.join("go.mod"), module).expect("go.mod");
        run(go(&folder).args(["build", "-o", "first"]));
        assert_eq!(run(&mut Command::new(folder.join("first"))), "hello\n");
    }
}
