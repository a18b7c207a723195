//! The header: what is committed is what the source says, and its comments keep their promise.

use std::fs;
use std::path::PathBuf;

pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The files of the ABI, in the order of `mod.rs`.
fn sources() -> Vec<PathBuf> {
    let dir = root().join("src/capi");
    let list = fs::read_to_string(dir.join("mod.rs")).expect("the list of files");
    let modules = list.lines().filter_map(|line| line.strip_suffix(';')?.split("mod ").nth(1));
    modules.map(|name| dir.join(format!("{name}.rs"))).collect()
}

/// The header as the source says it.
fn generated() -> String {
    let dir = root().join("src/capi");
    let mut config =
        cbindgen::Config::from_file(dir.join("cbindgen.toml")).expect("its settings are right");
    let preamble = fs::read_to_string(dir.join("preamble.h")).expect("the contract");
    config.header = Some(preamble.trim_end().to_owned());
    let mut builder = cbindgen::Builder::new().with_config(config);
    for source in sources() {
        builder = builder.with_src(source);
    }
    let mut text = Vec::new();
    builder.generate().expect("the source can be read").write(&mut text);
    String::from_utf8(text).expect("UTF-8")
}

/// Run with `LANEQ_BLESS=1` to write what has changed.
pub fn is_as_committed(path: &str, now: &str) {
    let path = root().join(path);
    if std::env::var_os("LANEQ_BLESS").is_some() {
        fs::write(&path, now).expect("it can be written");
        return;
    }
    let committed = fs::read_to_string(&path).unwrap_or_default();
    let wrong = committed.lines().zip(now.lines()).find(|(a, b)| a != b);
    assert!(
        committed == now,
        "{path:?} is not what the source says, first here: {wrong:?}; LANEQ_BLESS=1 writes it"
    );
}

#[test]
fn the_header_is_what_the_source_says() {
    is_as_committed("src/capi/laneq.h", &generated());
}

pub fn header() -> String {
    fs::read_to_string(root().join("src/capi/laneq.h")).expect("the header is committed")
}

/// Every function with its comment, as the header has them.
pub fn functions() -> Vec<(String, String)> {
    let mut found = Vec::new();
    let (mut comment, mut code) = (String::new(), String::new());
    for line in header().lines() {
        if line.is_empty() {
            comment.clear();
            code.clear();
        } else if line.starts_with("//") {
            comment.push_str(line);
        } else {
            code.push_str(line);
        }
        let is_function = !code.starts_with("typedef") && code.ends_with(");");
        if let (true, Some((head, _))) = (is_function, code.split_once('(')) {
            let name = head.rsplit([' ', '*']).next().unwrap_or_default();
            found.push((name.to_owned(), comment.clone()));
        }
    }
    found
}

#[test]
fn every_comment_says_whether_it_blocks_and_where_it_may_be_called() {
    let functions = functions();
    assert!(functions.len() > 60, "{}", functions.len());
    for (name, comment) in functions {
        assert!(name.starts_with("laneq_"), "{name}");
        assert!(comment.contains("Blocks: ") && comment.contains("In a handler: "), "{name}");
    }
}
