//! `src/FAILURES.md`: every row is there, with tests that exist and say that they are the row's, or
//! with a reason.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

const ROWS: [(char, usize); 4] = [('C', 44), ('R', 26), ('F', 36), ('S', 6)];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn sources(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).expect("the folder is there") {
        let path = entry.expect("the folder can be read").path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|end| end == "rs") {
            found.push(path);
        }
    }
}

/// Every function that is a test, with what stands above its name: comments and attributes.
fn tests() -> HashMap<String, Vec<(PathBuf, String)>> {
    let mut files = Vec::new();
    ["src", "tests"].into_iter().for_each(|dir| sources(&root().join(dir), &mut files));
    let mut tests: HashMap<String, Vec<_>> = HashMap::new();
    for path in files {
        let mut above = String::new();
        for line in fs::read_to_string(&path).expect("it can be read").lines() {
            let line = line.trim();
            let name = line.strip_prefix("fn ").and_then(|rest| rest.split('(').next());
            match name {
                Some(name) if above.contains("#[test]") => {
                    tests.entry(name.to_owned()).or_default().push((path.clone(), above.clone()));
                }
                None if line.starts_with("//") || line.starts_with("#[") => {
                    above.push_str(line);
                    above.push('\n');
                    continue;
                }
                _ => {}
            }
            above.clear();
        }
    }
    tests
}

/// The rows: id, and the last cell.
fn rows(page: &str) -> Vec<(&str, &str)> {
    let is_id = |id: &str| ROWS.iter().any(|(kind, _)| id.strip_prefix(*kind).is_some_and(number));
    page.lines()
        .filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |"))
        .filter_map(|line| Some((line.split(" | ").next()?, line.rsplit(" | ").next()?)))
        .filter(|(id, _)| is_id(id))
        .collect()
}

fn number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// What is wrong with a row, if anything is.
fn wrong(id: &str, cell: &str, tests: &HashMap<String, Vec<(PathBuf, String)>>) -> Option<String> {
    let named: Vec<&str> = cell.split('`').skip(1).step_by(2).collect();
    if cell.strip_prefix("No test: ").is_some_and(|reason| reason.len() > 10) {
        return None;
    }
    if named.is_empty() {
        return Some(format!("{id} has neither a test nor a reason"));
    }
    for name in named {
        let Some(found) = tests.get(name) else { return Some(format!("{id}: no test {name}")) };
        let is_row = |word: &str| word == id;
        let says = |above: &str| above.split(|c: char| !c.is_alphanumeric()).any(is_row);
        // Unit tests are named by the page alone.
        let in_src = |path: &Path| path.starts_with(root().join("src"));
        if !found.iter().any(|(path, above)| in_src(path) || says(above)) {
            return Some(format!("{id}: the comment of {name} does not name it"));
        }
    }
    None
}

#[test]
fn every_failure_of_the_field_has_a_test_that_names_it_or_a_reason() {
    let page = fs::read_to_string(root().join("src/FAILURES.md")).expect("the page is there");
    let (rows, tests) = (rows(&page), tests());
    let ids: Vec<&str> = rows.iter().map(|(id, _)| *id).collect();
    let all = ROWS.iter().flat_map(|(kind, count)| (1..=*count).map(move |n| format!("{kind}{n}")));
    assert_eq!(ids, all.collect::<Vec<_>>(), "each row once, in order");
    let wrong: Vec<_> = rows.iter().filter_map(|(id, cell)| wrong(id, cell, &tests)).collect();
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn a_row_without_its_test_is_found() {
    let tests = tests();
    let own = "every_failure_of_the_field_has_a_test_that_names_it_or_a_reason";
    let lies = ["`no_such_test`", "", "No test: ", &format!("`{own}`")];
    let found = lies.map(|cell| wrong("C1", cell, &tests).is_some());
    assert_eq!(found, [true; 4], "a check that cannot fail is none");
}
