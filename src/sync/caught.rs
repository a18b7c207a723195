//! Host code and host values, kept from taking one of our threads with them. P7.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Calls the host's code; a panic ends here, and answers what it said.
pub(crate) fn call<R>(code: impl FnOnce() -> R) -> Result<R, Box<str>> {
    let came = catch_unwind(AssertUnwindSafe(code));
    // In a model only planned panics end here: a failed check is the checker's.
    #[cfg(any(loom, shuttle))]
    let came = came.map_err(super::thread::pass_on);
    came.map_err(words)
}

/// Drops a value of the host, whose own drop may panic.
pub(crate) fn let_go<T>(value: T) {
    // A panic here hurts nobody: there is nothing left of the value to complain about.
    let _ = call(|| drop(value));
}

/// What a panic said, as far as it said anything.
fn words(panic: Box<dyn Any + Send>) -> Box<str> {
    let text = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("a panic without words")
        .into();
    // What was thrown is the host's too. If its drop throws again, that is left alone.
    if let Err(again) = catch_unwind(AssertUnwindSafe(|| drop(panic))) {
        std::mem::forget(again);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Bomb;

    impl Drop for Bomb {
        fn drop(&mut self) {
            std::panic::resume_unwind(Box::new("planned"));
        }
    }

    #[test]
    fn p7_a_panic_ends_here_and_its_words_are_kept() {
        assert_eq!(call(|| 1), Ok(1));
        let said = call(|| std::panic::resume_unwind(Box::new("planned")));
        assert_eq!(said, Err::<(), _>("planned".into()));
    }

    #[test]
    fn p7_neither_a_value_nor_what_was_thrown_may_panic_its_way_out() {
        let_go(Bomb);
        let said = call(|| std::panic::resume_unwind(Box::new(Bomb)));
        assert_eq!(said, Err::<(), _>("a panic without words".into()));
    }
}
