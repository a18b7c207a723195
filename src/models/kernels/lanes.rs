//! Real workers of one lane, the table, sessions, gate and channels: submits against what they do.

use super::stage::{Stage, fate, join};
use crate::session::Origin;
use crate::{Concurrency, Fate, Priority};

/// One key, two producers, two workers: whoever comes when the run ends is neither lost nor early.
pub(super) fn p4_running_to_idle_meets_submit() {
    let stage = Stage::new(2, |_| Ok("done".into()));
    let other = stage.go(|stage| assert_eq!(fate(&stage.submit("k", "a")), Fate::Ran));
    assert_eq!(fate(&stage.submit("k", "b")), Fate::Ran);
    join(other);
    stage.finish();
}

/// Two keys run beside each other, and each alone.
pub(super) fn p1_two_keys_and_two_workers() {
    let stage = Stage::new(2, |_| Ok("done".into()));
    let other = stage.go(|stage| assert_eq!(fate(&stage.submit("j", "a")), Fate::Ran));
    let cells = [stage.submit("k", "b"), stage.submit("j", "c")];
    assert!(cells.iter().all(|cell| fate(cell) == Fate::Ran));
    join(other);
    stage.finish();
}

/// A closure and a message share a session's order and its one run at a time.
pub(super) fn p4_closures_and_messages_of_one_key() {
    let stage = Stage::new(2, |_| Ok("done".into()));
    let other = stage.go(|stage| {
        let (shared, session) = (&stage.shared, stage.session("k"));
        let _ = shared.pending.take(1);
        let mut code = Some(crate::run::Closure::fired(|_| ()));
        let place = (stage.door.id, Priority::Normal);
        let landed =
            shared.admit_closure(&session, &mut code, place, &session.hint, || Origin::Outside);
        assert!(landed.is_ok());
    });
    let cell = stage.submit("k", "b");
    join(other);
    assert_eq!(fate(&cell), Fate::Ran);
    // Behind whatever is there: the closure has run when this has.
    assert_eq!(fate(&stage.submit("k", "c")), Fate::Ran);
    stage.finish();
}

/// Lowered to nothing and raised again while a ticket is on its way.
pub(super) fn p3_resize_meets_claim() {
    let stage = Stage::new(2, |_| Ok("done".into()));
    let resizes = stage.go(|stage| {
        stage.door.set_concurrency(Concurrency::Limit(0));
        stage.door.set_concurrency(Concurrency::Limit(1));
        stage.shared.call_all(&stage.door);
    });
    let cell = stage.submit("k", "a");
    assert_eq!(fate(&cell), Fate::Ran);
    join(resizes);
    assert!(stage.most() <= 2, "P3");
    stage.finish();
}

/// No worker at first: a ticket that finds nobody starts one, and never more than there are slots.
pub(super) fn p4_workers_are_hired_for_tickets() {
    let stage = Stage::without_workers(1, super::stage::EVER, |_| Ok("done".into()));
    let other = stage.go(|stage| drop(stage.submit("j", "a")));
    let cell = stage.submit("k", "b");
    join(other);
    assert_eq!(fate(&cell), Fate::Ran);
    assert_eq!(fate(&stage.submit("j", "c")), Fate::Ran);
    stage.finish();
}
