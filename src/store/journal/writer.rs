//! The journal's thread: commits group after group, and says so entry by entry, in order.

use super::line::{Entry, Line, Urgency, tell};
use super::store::{Change, Journal, JournalError};
use crate::config::Sync;

/// The thread's whole life. `failed` hears of an error, once in a row.
pub(crate) fn work(
    line: &Line,
    mut journal: Box<dyn Journal>,
    sync: Sync,
    failed: impl Fn(&JournalError),
) {
    let mut last: Option<JournalError> = None;
    while let Some(group) = line.next_group(sync == Sync::Always) {
        let error = write(&mut *journal, group).err();
        if error != last
            && let Some(error) = &error
        {
            failed(error);
        }
        if let Some(error) = error.clone().filter(JournalError::is_final) {
            // P11: nothing is acknowledged any more.
            drop(journal);
            return line.over(&error);
        }
        last = error;
    }
    // The file is closed before anybody can know that the line is over.
    drop(journal);
    line.over(&JournalError::Closed);
}

/// Commits a group and tells it. What ends or marks messages may still find room where new ones
/// do not: then it is tried once more without them.
fn write(journal: &mut dyn Journal, group: Vec<Entry>) -> Result<(), JournalError> {
    let result = commit(journal, &group);
    if !matches!(result, Err(JournalError::Full(_))) {
        tell(group, &result);
        return result;
    }
    let (messages, marks): (Vec<_>, Vec<_>) =
        group.into_iter().partition(|entry| entry.urgency == Urgency::Message);
    tell(messages, &result);
    let second = commit(journal, &marks);
    tell(marks, &second);
    second.and(result)
}

fn commit(journal: &mut dyn Journal, group: &[Entry]) -> Result<(), JournalError> {
    let changes: Vec<&Change> = group.iter().flat_map(|entry| &entry.changes).collect();
    if changes.is_empty() { Ok(()) } else { journal.commit(&changes) }
}

#[cfg(test)]
mod tests {
    use super::super::{Each, Table};
    use super::*;
    use crate::sync::{Arc, Mutex};

    /// Remembers what it was told, and answers what it is told to.
    #[derive(Default)]
    struct Script {
        answers: Vec<Result<(), JournalError>>,
        commits: Arc<Mutex<Vec<usize>>>,
    }

    impl Journal for Script {
        fn commit(&mut self, changes: &[&Change]) -> Result<(), JournalError> {
            self.commits.lock().push(changes.len());
            if self.answers.is_empty() { Ok(()) } else { self.answers.remove(0) }
        }
        fn read(&self, _: Table, _: &mut Each<'_>) -> Result<(), JournalError> {
            Ok(())
        }
        fn get(&self, _: Table, _: &[u8]) -> Result<Option<Box<[u8]>>, JournalError> {
            Ok(None)
        }
        fn name(&self) -> &'static str {
            "script"
        }
    }

    type Told = Arc<Mutex<Vec<(&'static str, Result<(), JournalError>)>>>;

    fn change(n: u64) -> Vec<Change> {
        vec![Change { table: Table::Marks, key: n.to_be_bytes().into(), value: None }]
    }

    fn put(line: &Line, told: &Told, name: &'static str, urgency: Urgency) {
        let told = Arc::clone(told);
        let then = Box::new(move |result| told.lock().push((name, result)));
        match urgency {
            Urgency::Message => line.push_message(|n| (change(n), then)).expect("open"),
            Urgency::Mark => line.push(change(0), Some(then)),
        }
    }

    fn played(answers: Vec<Result<(), JournalError>>, sync: Sync) -> (Vec<usize>, Told) {
        let (line, told) = (Line::new(), Told::default());
        put(&line, &told, "one", Urgency::Message);
        put(&line, &told, "mark", Urgency::Mark);
        put(&line, &told, "two", Urgency::Message);
        line.end();
        let script = Script { answers, ..Script::default() };
        let commits = Arc::clone(&script.commits);
        work(&line, Box::new(script), sync, |_| ());
        let commits = commits.lock().clone();
        (commits, told)
    }

    #[test]
    fn p11_a_group_is_one_commit_told_in_order_and_always_means_each_message_by_itself() {
        let (commits, told) = played(Vec::new(), Sync::Group);
        assert_eq!(commits, [3]);
        let names: Vec<_> = told.lock().iter().map(|(name, _)| *name).collect();
        assert_eq!(names, ["one", "mark", "two"]);
        assert_eq!(played(Vec::new(), Sync::Always).0, [1, 2]);
    }

    #[test]
    fn p11_where_no_message_fits_a_mark_still_may() {
        let full = JournalError::Full("the disk is full".into());
        let (commits, told) = played(vec![Err(full.clone())], Sync::Group);
        assert_eq!(commits, [3, 1]);
        let told = told.lock().clone();
        let refused = Err(full);
        assert_eq!(told, [("one", refused.clone()), ("two", refused), ("mark", Ok(()))]);
    }

    #[test]
    fn p11_after_a_failed_sync_nothing_is_acknowledged() {
        let poisoned = JournalError::Poisoned("fsync: EIO".into());
        let (commits, told) = played(vec![Err(poisoned.clone())], Sync::Always);
        assert_eq!(commits, [1], "it is not called again");
        assert!(told.lock().iter().all(|(_, result)| *result == Err(poisoned.clone())));
        assert_eq!(told.lock().len(), 3);
    }
}
