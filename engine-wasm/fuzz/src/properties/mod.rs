//! The properties by subject.

mod editor;
mod format;
mod ignore;
mod image;
mod parser;
mod reference;
mod shell;
mod tar;
mod template;

pub use editor::editor;
pub use format::format_ as format;
pub use ignore::ignore;
pub use image::image;
pub use parser::parser;
pub use reference::reference;
pub use shell::shell;
pub use tar::tar;
pub use template::template;

use std::ops::Range;

/// A span lies in the text, between whole characters.
fn within(span: &Range<usize>, text: &str, what: &str) {
    assert!(span.start <= span.end && span.end <= text.len(), "{what}: {span:?} of {} bytes", text.len());
    assert!(text.is_char_boundary(span.start) && text.is_char_boundary(span.end), "{what}: {span:?} cuts a character");
}

/// The input in two at its first NUL; without one, the second is empty.
fn halves(data: &[u8]) -> (&[u8], &[u8]) {
    match data.iter().position(|byte| *byte == 0) {
        Some(at) => (&data[..at], &data[at + 1..]),
        None => (data, &[]),
    }
}
