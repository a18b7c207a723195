//! What leads to a journal and what lies beside it: links and witnesses. P11.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use super::super::holder::beside;
use super::super::{Journal, JournalError, JournalView, RedbJournal, Table};
use super::rig::{all, commit, folder, knobs, put};
use crate::config::Sync;

fn opened(path: &Path) -> Result<RedbJournal, JournalError> {
    RedbJournal::open(path, &knobs(Sync::Group))
}

/// One more message in the journal of this path; what it is called.
fn one_more(path: &Path, n: u64) -> String {
    let mut journal = opened(path).expect("it can be opened");
    commit(&mut journal, &[put(Table::Messages, n, b"text")]).expect("all is well");
    journal.name().to_owned()
}

/// A folder `data` for the journal, and two links that lead there, one to the other.
fn linked() -> (tempfile::TempDir, PathBuf, [PathBuf; 2]) {
    let (folder, _) = folder();
    let root = folder.path().canonicalize().expect("it exists");
    std::fs::create_dir(root.join("data")).expect("a folder");
    let links = [root.join("near"), root.join("far")];
    symlink("data/journal.redb", &links[0]).expect("a link");
    symlink("near", &links[1]).expect("a link to a link");
    (folder, root.join("data/journal.redb"), links)
}

fn still_links(links: &[PathBuf]) -> bool {
    links.iter().all(|link| link.is_symlink())
}

#[test]
fn p11_a_journal_that_is_gone_behind_a_link_is_told_and_the_link_stays() {
    let (_folder, real, links) = linked();
    one_more(&real, 1);
    std::fs::remove_file(&real).expect("it is there");
    for link in &links {
        let slash = link.join("");
        for name in [link, &slash] {
            let (told, name) = (opened(name), name.display());
            assert!(matches!(told, Err(JournalError::Damaged(_))), "{name}: {told:?}");
            assert!(still_links(&links) && !real.exists(), "{name}: all is as it was");
        }
    }
}

#[test]
fn p11_a_link_into_a_folder_that_is_missing_is_told_with_its_target() {
    let (_folder, real, links) = linked();
    one_more(&real, 1);
    let data = real.parent().expect("a folder");
    let away = data.with_file_name("away");
    std::fs::rename(data, &away).expect("the folder goes");
    for link in &links {
        let view = JournalView::open(link).map(drop);
        for told in [opened(link).map(drop), view] {
            let Err(JournalError::Failed(text)) = told else { panic!("{told:?}") };
            let led = format!("{}: a link to {}", link.display(), real.display());
            assert!(text.contains(&led), "where it leads: {text}");
            assert!(text.contains("mount or make"), "what is to be done: {text}");
        }
        assert!(still_links(&links) && !beside(link).exists(), "all is as it was");
    }
    std::fs::rename(away, data).expect("it comes back");
    let journal = opened(&links[1]).expect("it can be opened");
    assert_eq!(all(&journal).map(|all| all.len()), Ok(1));
}

#[test]
fn p11_a_link_to_a_file_that_never_was_makes_the_journal_where_it_leads() {
    let (_folder, real, links) = linked();
    for (n, path) in (1..).zip([&links[1], &links[0], &real]) {
        assert_eq!(one_more(path, n), real.display().to_string());
        assert!(still_links(&links) && real.is_file() && beside(&real).is_file());
    }
    let journal = opened(&real).expect("it can be opened");
    assert_eq!(all(&journal).map(|all| all.len()), Ok(3), "one journal by all its names");
}

#[test]
fn p11_a_witness_that_could_not_be_read_is_one_again_after_a_commit() {
    let (_folder, path) = folder();
    one_more(&path, 1);
    for garbage in [vec![0xFF; 200], vec![0xFF; 4000], b"no line\n".repeat(20)] {
        std::fs::write(beside(&path), &garbage).expect("the witness is written over");
        let older = std::fs::read(&path).expect("it is there");
        one_more(&path, 2);
        std::fs::write(&path, older).expect("the commit is lost");
        let told = opened(&path);
        assert!(matches!(told, Err(JournalError::Damaged(_))), "{told:?}");
    }
}
