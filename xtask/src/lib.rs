//! The steps behind the commands of xtask, one module a subject.

pub mod web;
