//! Handles: numbers that stand for something of ours. A freed, foreign or made-up one is an error,
//! never a pointer to nowhere.
//!
//! A handle is below 2^53, so that a host whose numbers are doubles keeps it exactly: 4 bits of
//! kind, 25 of generation, 24 of index. A slot whose generations are used up is never used again.

use std::marker::PhantomData;
use std::mem::ManuallyDrop;

use super::admission::Awaited;
use super::call::{Answer, Fault};
use super::ending::Report;
use super::ledger::Results;
use super::receipt::Kept;
use super::run::Live;
use super::status::{LANEQ_E_FULL, LANEQ_E_HANDLE};
use super::steers::Taken;
use crate::engine::{Engine, Port};
use crate::session::{Registration, Token};
use crate::sync::{Arc, OnceLock, RwLock};
use crate::watch::Ring;

const INDEX_BITS: u32 = 24;
const GENERATION_BITS: u32 = 25;
const SLOTS_MAX: usize = 1 << INDEX_BITS;
const GENERATION_MAX: u64 = (1 << GENERATION_BITS) - 1;

/// What every kind of handle has.
pub(super) trait Kind: Sized + Send + Sync + 'static {
    const NUMBER: u64;
    const NAME: &'static str;
    fn slots(tables: &Tables) -> &RwLock<Slots<Self>>;
}

macro_rules! kinds {
    ($($number:literal $field:ident: $type:ty, $name:literal;)+) => {
        /// Every handle of the process, kind by kind.
        pub(super) struct Tables {
            $($field: RwLock<Slots<$type>>,)+
        }

        impl Tables {
            fn new() -> Self {
                Self { $($field: RwLock::default(),)+ }
            }
        }

        $(impl Kind for $type {
            const NUMBER: u64 = $number;
            const NAME: &'static str = $name;
            fn slots(tables: &Tables) -> &RwLock<Slots<Self>> {
                &tables.$field
            }
        })+

        fn name_of(kind: u64) -> Option<&'static str> {
            match kind {
                $($number => Some($name),)+
                _ => None,
            }
        }
    };
}

kinds!(
    1 engines: Engine, "an engine";
    2 receipts: Arc<Kept>, "a receipt";
    3 runs: Arc<Live>, "a run";
    4 steers: Arc<Taken>, "steers";
    5 results: Arc<Results>, "results";
    6 tokens: Token, "a token";
    7 registrations: Registration, "a registration";
    8 events: Ring, "events";
    9 texts: Arc<str>, "a text";
    10 reports: Arc<Report>, "a report";
    11 ports: Port, "a port";
    12 admissions: Arc<Awaited>, "an admission";
);

/// One kind's slots. A leaf lock: what is taken out is dropped after it.
pub(super) struct Slots<T> {
    slots: Vec<Slot<T>>,
    free: Vec<usize>,
}

struct Slot<T> {
    /// Of the handle that is, or will be, given out; from 1.
    generation: u64,
    value: Option<T>,
}

impl<T> Default for Slots<T> {
    fn default() -> Self {
        Self { slots: Vec::new(), free: Vec::new() }
    }
}

/// NOTE: the one process-wide table. C has no other place for it: a handle must be recognised as
/// stale even when all that it belonged to is gone. No engine and no model checker sees it.
static TABLES: OnceLock<Tables> = OnceLock::new();

fn tables() -> &'static Tables {
    TABLES.get_or_init(Tables::new)
}

/// A slot that is kept for a handle: taken before what cannot be taken back.
pub(super) struct Place<T: Kind> {
    index: usize,
    kind: PhantomData<T>,
}

impl<T: Kind> Slots<T> {
    /// The index of a free slot; `Full` when all are taken.
    fn vacant(&mut self) -> Answer<usize> {
        if let Some(index) = self.free.pop() {
            return Ok(index);
        }
        if self.slots.len() == SLOTS_MAX {
            let text = format!("{SLOTS_MAX} handles of this kind are out: free some");
            return Err(Fault::new(LANEQ_E_FULL, text));
        }
        self.slots.push(Slot { generation: 1, value: None });
        Ok(self.slots.len() - 1)
    }

    fn fill(&mut self, index: usize, value: T) -> u64 {
        let slot = &mut self.slots[index];
        slot.value = Some(value);
        let kind = T::NUMBER << (INDEX_BITS + GENERATION_BITS);
        kind | slot.generation << INDEX_BITS | index as u64
    }
}

/// Keeps a slot; `Full` when all are taken.
pub(super) fn reserve<T: Kind>() -> Answer<Place<T>> {
    let index = T::slots(tables()).write().vacant()?;
    Ok(Place { index, kind: PhantomData })
}

impl<T: Kind> Place<T> {
    /// Gives out the handle.
    pub(super) fn fill(self, value: T) -> u64 {
        let index = ManuallyDrop::new(self).index;
        T::slots(tables()).write().fill(index, value)
    }
}

impl<T: Kind> Drop for Place<T> {
    fn drop(&mut self) {
        T::slots(tables()).write().free.push(self.index);
    }
}

/// Gives out a handle.
pub(super) fn put<T: Kind>(value: T) -> Answer<u64> {
    let mut slots = T::slots(tables()).write();
    // P7: when all are taken, the value is dropped with no lock held.
    match slots.vacant() {
        Ok(index) => Ok(slots.fill(index, value)),
        Err(full) => {
            drop(slots);
            Err(full)
        }
    }
}

/// What a handle stands for.
pub(super) fn get<T: Kind + Clone>(handle: u64) -> Answer<T> {
    let slots = T::slots(tables()).read();
    let found = locate::<T>(handle).and_then(|(index, generation)| {
        let slot = slots.slots.get(index).filter(|slot| slot.generation == generation)?;
        slot.value.clone()
    });
    drop(slots);
    found.ok_or_else(|| stale::<T>(handle))
}

/// Takes a handle back; whoever drops the value does so with no lock held.
pub(super) fn take<T: Kind>(handle: u64) -> Answer<T> {
    let mut slots = T::slots(tables()).write();
    let found = locate::<T>(handle).and_then(|(index, generation)| {
        let slot = slots.slots.get_mut(index).filter(|slot| slot.generation == generation)?;
        let value = slot.value.take()?;
        slot.generation += 1;
        if slot.generation <= GENERATION_MAX {
            slots.free.push(index);
        }
        Some(value)
    });
    drop(slots);
    found.ok_or_else(|| stale::<T>(handle))
}

/// Frees a handle; none (0) is fine.
pub(super) fn free<T: Kind>(handle: u64) -> Answer {
    if handle == 0 { Ok(()) } else { take::<T>(handle).map(drop) }
}

fn locate<T: Kind>(handle: u64) -> Option<(usize, u64)> {
    let index = handle & (SLOTS_MAX as u64 - 1);
    let generation = (handle >> INDEX_BITS) & GENERATION_MAX;
    let is_ours = handle >> (INDEX_BITS + GENERATION_BITS) == T::NUMBER;
    Some((usize::try_from(index).ok()?, generation)).filter(|_| is_ours)
}

#[cold]
fn stale<T: Kind>(handle: u64) -> Fault {
    let text = match name_of(handle >> (INDEX_BITS + GENERATION_BITS)) {
        Some(name) if name == T::NAME => format!("the handle {handle} ({name}) was freed or ended"),
        Some(name) => format!("the handle {handle} is {name}, where {} belongs", T::NAME),
        None if handle == 0 => format!("the handle is 0, where {} belongs", T::NAME),
        None => format!("{handle} is no handle: {} belongs here", T::NAME),
    };
    Fault::new(LANEQ_E_HANDLE, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handle_fits_into_a_double_and_dies_with_its_value() {
        let text: Arc<str> = "x".into();
        let handle = put(Arc::clone(&text)).expect("there is room");
        assert!(handle < 1 << 53 && handle > 0);
        assert_eq!(get::<Arc<str>>(handle).expect("it lives"), text);
        assert!(
            get::<Token>(handle).is_err_and(|f| format!("{f:?}").contains("a text, where a token"))
        );
        take::<Arc<str>>(handle).expect("it lives");
        assert!(take::<Arc<str>>(handle).is_err());
        let next = put(Arc::clone(&text)).expect("there is room");
        assert_ne!(handle, next, "a new generation");
        assert!(get::<Arc<str>>(handle).is_err());
        take::<Arc<str>>(next).expect("it lives");
        assert_eq!(Arc::strong_count(&text), 1);
    }

    #[test]
    fn a_place_that_is_not_filled_is_free_again() {
        let place = reserve::<Arc<Results>>().expect("there is room");
        let index = place.index;
        drop(place);
        assert_eq!(reserve::<Arc<Results>>().map(|place| place.index).ok(), Some(index));
    }

    #[test]
    fn a_slot_whose_generations_are_used_up_is_left_alone() {
        let handle = put(Token::new()).expect("there is room");
        let (index, _) = locate::<Token>(handle).expect("a token");
        tables().tokens.write().slots[index].generation = GENERATION_MAX;
        let last = handle | GENERATION_MAX << INDEX_BITS;
        take::<Token>(last).expect("it lives");
        assert!(take::<Token>(last).is_err());
        let next = put(Token::new()).expect("there is room");
        assert_ne!(locate::<Token>(next).map(|(at, _)| at), Some(index));
        take::<Token>(next).expect("it lives");
    }
}
