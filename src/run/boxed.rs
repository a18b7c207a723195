//! Code in a box, for what does not fit into a slot. The box is used again.

use std::any::Any;

use crate::sync::magazines::{SMALL, magazines};

magazines! {
    /// Where code was, whatever its type.
    static BOXES: Box<dyn Any + Send>;
}

/// Code that is called at most once.
pub(super) struct Boxed<A: 'static>(Box<dyn Callable<A>>);

trait Callable<A>: Any + Send {
    /// Calls the code, and takes it out of the box, also if it panics.
    fn call(&mut self, with: &A);

    /// Whether the box is used again.
    fn is_reused(&self) -> bool;
}

/// None once it was called.
struct Of<F>(Option<F>);

impl<F: Send + 'static> Of<F> {
    /// Whether its box is used again.
    const REUSED: bool = size_of::<Self>() <= SMALL;
}

impl<A, F: FnOnce(&A) + Send + 'static> Callable<A> for Of<F> {
    fn call(&mut self, with: &A) {
        if let Some(code) = self.0.take() {
            code(with);
        }
    }

    fn is_reused(&self) -> bool {
        Self::REUSED
    }
}

impl<A> Boxed<A> {
    pub(super) fn new<F: FnOnce(&A) + Send + 'static>(code: F) -> Self {
        let fit = <Box<dyn Any + Send>>::downcast::<Of<F>>;
        match Of::<F>::REUSED.then(|| BOXES.take(fit, |_| ())).flatten() {
            Some(mut emptied) => {
                emptied.0 = Some(code);
                Self(emptied)
            }
            None => Self(Box::new(Of(Some(code)))),
        }
    }

    /// Calls the code; what it captured is gone afterwards, also if it panics.
    pub(super) fn call(self, with: &A) {
        let mut code = self.0;
        code.call(with);
        if code.is_reused() {
            BOXES.give(code);
        }
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use std::cell::Cell;

    use super::*;

    fn adding<const N: usize>(numbers: [u64; N]) -> Boxed<Cell<u64>> {
        Boxed::new(move |sum: &Cell<u64>| sum.set(sum.get() + numbers.iter().sum::<u64>()))
    }

    fn place<A>(boxed: &Boxed<A>) -> *const () {
        (&raw const *boxed.0).cast()
    }

    #[test]
    fn a_box_is_used_again_by_code_of_its_type() {
        let sum = Cell::new(0);
        let first = adding([1, 2, 3, 4, 5]);
        let was = place(&first);
        first.call(&sum);
        let second = adding([10; 5]);
        assert_eq!((place(&second), sum.get()), (was, 15));
        second.call(&sum);
        adding([100; 6]).call(&sum);
        assert_eq!(sum.get(), 665, "and code of another type has its own");
    }

    #[test]
    fn p9_a_large_box_is_not_kept() {
        assert!(adding([1; 8]).0.is_reused() && !adding([1; 100]).0.is_reused());
    }
}
