//! Faults of the disk below the journal: P11, with something between `redb` and its file.

mod beside;
mod damage;
mod faults;
mod power;
mod rig;
