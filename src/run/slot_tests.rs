//! What a slot promises, with the room and without: these tests run in both builds.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::slot::Slot;
use crate::sync::Arc;
use crate::sync::atomic::{AtomicU32, Ordering};
use crate::sync::thread;

type Tested = Slot<Cell<u64>, Arc<u64>>;

/// Counts its drops.
struct Dropped(Arc<AtomicU32>);

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// A slot whose code captures `bytes`, and a counter of drops; the code adds them up.
fn holding<const N: usize>(bytes: [u8; N], drops: &Arc<AtomicU32>) -> Tested {
    let dropped = Dropped(Arc::clone(drops));
    Slot::code(move |sum: &Cell<u64>| {
        let _keep = &dropped;
        sum.set(sum.get() + bytes.iter().map(|b| u64::from(*b)).sum::<u64>());
    })
}

fn of_every_size<const N: usize>() {
    let (drops, sum) = (Arc::default(), Cell::new(0));
    holding([1; N], &drops).call(&sum);
    assert_eq!((sum.get(), drops.load(Ordering::Relaxed)), (N as u64, 1), "called once");
    drop(holding([1; N], &drops));
    assert_eq!((sum.get(), drops.load(Ordering::Relaxed)), (N as u64, 2), "dropped, not called");
}

#[test]
fn p7_code_of_any_size_is_called_once_or_dropped_once() {
    of_every_size::<0>();
    of_every_size::<1>();
    of_every_size::<23>();
    of_every_size::<24>();
    of_every_size::<25>();
    of_every_size::<32>();
    of_every_size::<300>();
}

#[test]
fn p7_code_in_a_box_that_is_used_again_is_called_once_and_dropped_once() {
    for round in 0..3 {
        let (drops, sum) = (Arc::default(), Cell::new(0));
        holding([1; 40], &drops).call(&sum);
        assert_eq!((sum.get(), drops.load(Ordering::Relaxed)), (40, 1), "round {round}");
        drop(holding([2; 40], &drops));
        assert_eq!((sum.get(), drops.load(Ordering::Relaxed)), (40, 2), "round {round}");
    }
}

#[test]
fn p7_what_a_panicking_call_captured_is_dropped_once() {
    let drops = Arc::default();
    let dropped = Dropped(Arc::clone(&drops));
    let slot = Tested::code(move |_| {
        let _keep = &dropped;
        std::panic::resume_unwind(Box::new("planned"));
    });
    let came = catch_unwind(AssertUnwindSafe(|| slot.call(&Cell::new(0))));
    assert!(came.is_err());
    assert_eq!(drops.load(Ordering::Relaxed), 1);
}

#[test]
fn code_that_is_aligned_more_than_a_pointer_is_not_put_in_place() {
    #[repr(align(64))]
    struct Wide(u64);
    let (wide, sum) = (Wide(7), Cell::new(0));
    Tested::code(move |sum| {
        let wide = &wide;
        assert_eq!(std::ptr::from_ref(wide).addr() % 64, 0);
        sum.set(wide.0);
    })
    .call(&sum);
    assert_eq!(sum.get(), 7);
}

#[test]
fn what_is_shared_can_be_looked_at_and_is_let_go_with_its_slot() {
    let value = Arc::new(7);
    let slot = Tested::shared(Arc::clone(&value));
    assert_eq!(slot.as_shared(), Some(&value));
    assert!(Tested::code(|_| ()).as_shared().is_none());
    drop(slot);
    assert_eq!(Arc::strong_count(&value), 1);
}

#[test]
fn what_is_shared_can_be_taken_out_and_code_stays_in_its_slot() {
    let value = Arc::new(7);
    let taken = Tested::shared(Arc::clone(&value)).into_shared().unwrap_or_default();
    assert_eq!((*taken, Arc::strong_count(&value)), (7, 2));
    let (drops, sum) = (Arc::default(), Cell::new(0));
    let Err(slot) = holding([1; 8], &drops).into_shared() else { panic!("code is not shared") };
    assert_eq!(drops.load(Ordering::Relaxed), 0);
    slot.call(&sum);
    assert_eq!((sum.get(), drops.load(Ordering::Relaxed)), (8, 1));
}

#[test]
fn slots_go_to_other_threads() {
    let (drops, told) = (Arc::default(), Arc::new(AtomicU32::new(0)));
    let slots: Vec<_> = (0..100).map(|_| holding([1; 8], &drops)).collect();
    let tell = Arc::clone(&told);
    let calls = move || {
        let sum = Cell::new(0);
        slots.into_iter().for_each(|slot| slot.call(&sum));
        tell.store(u32::try_from(sum.get()).unwrap_or(0), Ordering::Relaxed);
    };
    let thread = thread::spawn("slots".to_owned(), calls).expect("a thread starts");
    thread.join().expect("no panic");
    assert_eq!(told.load(Ordering::Relaxed), 800);
    assert_eq!(drops.load(Ordering::Relaxed), 100);
}

#[cfg(feature = "inline-closures")]
#[test]
fn a_slot_is_a_room_of_32_bytes_and_a_pointer_and_knows_an_absent_one() {
    assert_eq!(size_of::<Tested>(), 40);
    assert_eq!(size_of::<Option<Tested>>(), 40);
}
