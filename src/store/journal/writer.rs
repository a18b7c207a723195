//! The journal's thread: commits group after group, and says so entry by entry, in order.

use super::line::{Entry, Line, Urgency, tell};
use super::store::{Change, Journal, JournalError};
use crate::config::Sync;
use crate::sync::caught;

/// The thread's whole life. `failed` hears of an error, once in a row.
pub(crate) fn work(
    line: &Line,
    mut journal: Box<dyn Journal>,
    sync: Sync,
    failed: impl Fn(&JournalError),
) {
    let mut last: Option<JournalError> = None;
    // What has happened, and no commit has taken yet: it goes with the next, or when it is tried
    // again.
    let mut late = Vec::new();
    while let Some(group) = line.next_group(sync == Sync::Always, !late.is_empty()) {
        late.extend(group);
        let error = write(&mut *journal, &mut late).err();
        if error != last
            && let Some(error) = &error
        {
            failed(error);
        }
        if let Some(error) = error.clone().filter(JournalError::is_final) {
            // P11: nothing is acknowledged any more.
            caught::let_go(journal);
            return line.over(&error);
        }
        last = error;
    }
    if !late.is_empty() {
        // A last chance; what misses it happens again.
        let _ = write(&mut *journal, &mut late);
    }
    // The file is closed before anybody can know that the line is over.
    caught::let_go(journal);
    line.over(&JournalError::Closed);
}

/// Commits a group and tells it. What ends or marks messages may still find room where new ones
/// do not: then it is tried once more without them. What nobody may forget stays in the group.
fn write(journal: &mut dyn Journal, group: &mut Vec<Entry>) -> Result<(), JournalError> {
    let result = commit(journal, group);
    if !matches!(result, Err(JournalError::Full(_))) {
        told(group, &result);
        return result;
    }
    let (messages, marks): (Vec<_>, Vec<_>) =
        group.drain(..).partition(|entry| entry.urgency == Urgency::Message);
    tell(messages, &result);
    *group = marks;
    let second = commit(journal, group);
    told(group, &second);
    second.and(result)
}

/// Everybody is told; after an error that may pass, the marks stay. P12: whoever waits is told of
/// the error at once, since a disk may be full for hours, and a close waits for runs that submit.
fn told(group: &mut Vec<Entry>, result: &Result<(), JournalError>) {
    let passes = result.as_ref().is_err_and(|error| !error.is_final());
    let mut stay = Vec::new();
    for mut entry in std::mem::take(group) {
        if let Some(then) = entry.then.take() {
            then(result.clone());
        }
        if passes && entry.urgency == Urgency::Mark {
            stay.push(entry);
        }
    }
    *group = stay;
}

fn commit(journal: &mut dyn Journal, group: &[Entry]) -> Result<(), JournalError> {
    let changes: Vec<&Change> = group.iter().flat_map(|entry| &entry.changes).collect();
    if changes.is_empty() {
        return Ok(());
    }
    // P7: a journal may be the host's; after a panic nobody knows what it has kept.
    caught::call(|| journal.commit(&changes)).unwrap_or_else(|panic| {
        let text = format!("{}: it panicked: {panic}", journal.name());
        Err(JournalError::Poisoned(text.into()))
    })
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
            Urgency::Mark | Urgency::Start => line.push_made(urgency, || change(0), Some(then)),
        }
    }

    fn played(answers: Vec<Result<(), JournalError>>, sync: Sync) -> (Vec<usize>, Told) {
        let (line, told) = (Line::new(), Told::default());
        line.begin_at(1);
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
    fn p11_what_has_happened_is_kept_until_a_commit_takes_it_and_nothing_else_is() {
        let (line, told) = (Line::new(), Told::default());
        line.begin_at(1);
        put(&line, &told, "message", Urgency::Message);
        put(&line, &told, "start", Urgency::Start);
        put(&line, &told, "mark", Urgency::Mark);
        line.end();
        let failed = JournalError::Failed("EINTR".into());
        let script = Script { answers: vec![Err(failed.clone())], ..Script::default() };
        let commits = Arc::clone(&script.commits);
        work(&line, Box::new(script), Sync::Group, |_| ());
        assert_eq!(*commits.lock(), [3, 1], "the mark alone, once more");
        let names = ["message", "start", "mark"];
        assert_eq!(*told.lock(), names.map(|name| (name, Err(failed.clone()))));
    }

    #[test]
    fn p11_what_an_error_left_is_written_when_it_is_tried_again_and_nothing_else_comes() {
        let (line, told) = (Arc::new(Line::new()), Told::default());
        line.begin_at(1);
        let failed = JournalError::Failed("EINTR".into());
        let answers = vec![Ok(()), Err(failed.clone()), Err(failed.clone())];
        let script = Script { answers, ..Script::default() };
        let (commits, own) = (Arc::clone(&script.commits), Arc::clone(&line));
        let thread = std::thread::spawn(move || work(&own, Box::new(script), Sync::Group, |_| ()));
        // What is committed, and refused then, is taken out: the journal's thread asks for that.
        let (own, names) = (Arc::clone(&line), Arc::clone(&told));
        let refused = Box::new(move |_| put(&own, &names, "taken out", Urgency::Mark));
        line.push_message(|n| (change(n), refused)).expect("open");
        line.settle();
        // Nobody waits until the disk is well: the error is told, once.
        assert_eq!(*told.lock(), [("taken out", Err(failed))]);
        for commits_so_far in [3, 4, 4] {
            line.again();
            line.settle();
            assert_eq!(commits.lock().len(), commits_so_far, "until it is written");
        }
        assert_eq!(told.lock().len(), 1);
        line.end();
        thread.join().expect("it ends");
        assert_eq!(*commits.lock(), [1; 4]);
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
