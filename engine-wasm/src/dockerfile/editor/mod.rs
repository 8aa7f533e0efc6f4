//! What an editor asks about a Dockerfile while it is being written: completion, hover, definitions, references, renaming, folding, outline, selection, and colours.
//! All are pure functions of the text and places in it, and answer as far as they can where the file has faults. Places are byte offsets; [`position`] turns them into lines and UTF-16 columns and back.
//!
//! ```
//! use engine_wasm::dockerfile::editor;
//! let text = "FROM alpine AS base\nFROM ba";
//! let found = editor::complete(text, text.len());
//! assert_eq!(found.items[0].label, "base");
//! ```

mod complete;
mod context;
mod hover;
mod model;
mod navigate;
mod outline;
pub mod position;
mod rename;
pub mod table;
#[cfg(test)]
mod tests;
mod tokens;
mod values;
mod variables;

pub use complete::{Completions, Item, ItemKind, complete};
pub use hover::{Hover, hover};
pub use navigate::{definition, references};
pub use outline::{Fold, FoldKind, Symbol, SymbolKind, at_line, folds, selection, symbols};
pub use rename::{RenameError, rename, rename_range};
pub use tokens::{Token, TokenKind, tokens};
