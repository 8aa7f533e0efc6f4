//! The editor's services and the typed instructions: every answer's places are in the text, whatever it holds and wherever one asks.

use engine_wasm::dockerfile::editor::{
    complete, definition, folds, hover, references, rename, rename_range, selection, symbols, tokens,
};
use engine_wasm::dockerfile::instructions::program;
use engine_wasm::dockerfile::parse;

use super::within;

/// The first two bytes say where one asks; the rest is a Dockerfile.
pub fn editor(data: &[u8]) {
    let [high, low, data @ ..] = data else { return };
    let text = &*String::from_utf8_lossy(data);
    let offset = usize::from(u16::from_be_bytes([*high, *low])) % (text.len() + 2);
    let lines = text.split('\n').count().max(text.lines().count()) + text.matches('\r').count();

    let program = program(&parse(text));
    for stage in &program.stages {
        within(&stage.base.span, text, "base");
        for instruction in &stage.commands {
            within(&instruction.span, text, "instruction");
        }
    }
    for error in &program.errors {
        within(&error.span, text, "error");
    }

    let found = complete(text, offset);
    within(&found.replace, text, "completion");
    assert!(found.items.iter().all(|item| !item.label.is_empty()));
    if let Some(found) = hover(text, offset) {
        within(&found.span, text, "hover");
    }
    if let Some(span) = definition(text, offset) {
        within(&span, text, "definition");
    }
    for span in references(text, offset) {
        within(&span, text, "reference");
    }
    for span in selection(text, offset) {
        within(&span, text, "selection");
    }
    if rename_range(text, offset).is_ok() {
        for edit in rename(text, offset, "another_name").into_iter().flatten() {
            within(&edit.span, text, "edit");
        }
    }
    for fold in folds(text) {
        assert!(fold.lines.0 < fold.lines.1 && fold.lines.1 <= lines, "{fold:?} of {lines} lines");
    }
    for symbol in symbols(text) {
        within(&symbol.span, text, &symbol.name);
        within(&symbol.selection, text, &symbol.name);
    }
    let mut end = 0;
    for token in tokens(text) {
        within(&token.span, text, "token");
        assert!(token.span.start >= end && !token.span.is_empty(), "tokens overlap at {:?}", token.span);
        end = token.span.end;
    }
}
