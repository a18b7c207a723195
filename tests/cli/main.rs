//! The program, run as a process: what a user of it can count on.

mod agents;
mod bad_input;
mod bench;
mod books;
mod check;
mod control;
mod cron;
mod endings;
mod ingress;
mod inspect;
mod journal;
mod jsonl;
mod modes;
mod support;
mod transcripts;
