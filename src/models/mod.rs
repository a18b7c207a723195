//! Models: what a checker that chooses every interleaving itself searches for broken promises.
//!
//! `kernels` are small machines put together from the engine's private parts, for loom; `whole` are
//! scenes with a whole engine, for shuttle. What each one claims is in its name.

#[cfg(loom)]
mod kernels;
#[cfg(shuttle)]
mod whole;
