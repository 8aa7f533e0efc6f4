//! What Go's standard library does with numbers, strings and formats, where docker's output shows it.
//! The rooms above (units, templates) need the same digits, quotes and error texts as `strconv` and `fmt`; they are here once.

pub(crate) mod case;
pub(crate) mod decimal;
pub(crate) mod duration;
pub mod errno;
pub(crate) mod float;
pub(crate) mod parse;
pub(crate) mod printf;
pub(crate) mod quote;
pub(crate) mod verbs;
