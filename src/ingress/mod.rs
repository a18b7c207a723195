//! From what comes in to what is admitted: routes and directives. Pure.

mod directive;
mod identity;
mod route;

pub(crate) use directive::{Directive, Word, read};
pub use route::KeyParts;
pub(crate) use route::key;
