//! `dockerfile.*`: what an editor asks, and the formatter. Places come and go as UTF-16 units.

use std::ops::Range;

use serde_json::Value;

use super::args::Args;
use super::offsets::Offsets;
use super::{Failure, Function};
use crate::dockerfile::editor::{
    self, FoldKind, ItemKind, RenameError, Symbol, SymbolKind, TokenKind, complete, definition, folds, hover,
    references, rename, rename_range, selection, symbols, tokens,
};
use crate::dockerfile::format::{Case, MAX_INDENT, Options, format, same_meaning};
use crate::dockerfile::lint::TextEdit;

pub(super) const TABLE: &[(&str, Function)] = &[
    ("dockerfile.format", |args| {
        let text = args.text(0, "text")?;
        let named = args.options(1, &["case", "indent", "blankLines", "shellIndent"])?;
        let mut options = Options::default();
        options.case = named.choice("case", &[("upper", Case::Upper), ("lower", Case::Lower), ("keep", Case::Keep)])?;
        options.indent = named.count("indent")?.unwrap_or(options.indent).min(MAX_INDENT);
        options.blank_lines = named.count("blankLines")?.unwrap_or(options.blank_lines);
        options.shell_indent = named.flag("shellIndent")?;
        format(text, &options).map(Value::from).map_err(|errors| match errors.first() {
            Some(error) => Failure {
                line: Some(error.lines.0.max(1)),
                span: Some(Offsets::new(text).pair(&error.span)),
                ..Failure::new(error.to_string())
            },
            None => Failure::new("the file cannot be read"),
        })
    }),
    ("dockerfile.sameMeaning", |args| {
        let read = |position, name| args.text(position, name).map(crate::dockerfile::parse);
        Ok(same_meaning(&read(0, "one")?, &read(1, "other")?).into())
    }),
    ("dockerfile.complete", |args| {
        let place = Place::new(args)?;
        let found = complete(place.text, place.byte);
        let items = found.items.iter().map(|item| {
            json!({
                "label": item.label, "insert": item.insert, "kind": item_kind(item.kind),
                "detail": item.detail, "doc": item.doc,
            })
        });
        Ok(json!({ "replace": place.at.span(&found.replace), "items": items.collect::<Vec<_>>() }))
    }),
    ("dockerfile.hover", |args| {
        let place = Place::new(args)?;
        let found = hover(place.text, place.byte);
        Ok(found.map_or(Value::Null, |found| json!({ "span": place.at.span(&found.span), "text": found.text })))
    }),
    ("dockerfile.definition", |args| {
        let place = Place::new(args)?;
        Ok(definition(place.text, place.byte).map_or(Value::Null, |span| place.at.span(&span)))
    }),
    ("dockerfile.references", |args| {
        let place = Place::new(args)?;
        Ok(place.spans(&references(place.text, place.byte)))
    }),
    ("dockerfile.selection", |args| {
        let place = Place::new(args)?;
        Ok(place.spans(&selection(place.text, place.byte)))
    }),
    ("dockerfile.renameRange", |args| {
        let place = Place::new(args)?;
        rename_range(place.text, place.byte).map(|span| place.at.span(&span)).map_err(refused)
    }),
    ("dockerfile.rename", |args| {
        let place = Place::new(args)?;
        let edits = rename(place.text, place.byte, args.text(2, "newName")?).map_err(refused)?;
        Ok(edits.iter().map(|change| edit(change, &place.at)).collect())
    }),
    ("dockerfile.folds", |args| {
        let kind = |kind| match kind {
            FoldKind::Stage => "stage",
            FoldKind::Instruction => "instruction",
            FoldKind::Heredoc => "heredoc",
            FoldKind::Comment => "comment",
        };
        let found = folds(args.text(0, "text")?);
        Ok(found.iter().map(|fold| json!({ "lines": [fold.lines.0, fold.lines.1], "kind": kind(fold.kind) })).collect())
    }),
    ("dockerfile.symbols", |args| {
        let text = args.text(0, "text")?;
        let at = Offsets::new(text);
        Ok(symbols(text).iter().map(|found| symbol(found, &at)).collect())
    }),
    ("dockerfile.tokens", |args| {
        let text = args.text(0, "text")?;
        let at = Offsets::new(text);
        let found = tokens(text);
        Ok(found.iter().map(|token| json!({ "kind": token_kind(token.kind), "span": at.span(&token.span) })).collect())
    }),
    ("dockerfile.instructionAtLine", |args| {
        let text = args.text(0, "text")?;
        let found = editor::at_line(text, args.count(1, "line")?);
        Ok(found.map_or(Value::Null, |span| Offsets::new(text).span(&span)))
    }),
];

/// The first two arguments of most: a text and a place in it.
struct Place<'a> {
    text: &'a str,
    at: Offsets,
    byte: usize,
}

impl<'a> Place<'a> {
    fn new(args: &'a Args) -> Result<Self, Failure> {
        let text = args.text(0, "text")?;
        let at = Offsets::new(text);
        let byte = at.byte(args.count(1, "offset")?, text);
        Ok(Self { text, at, byte })
    }

    fn spans(&self, spans: &[Range<usize>]) -> Value {
        spans.iter().map(|span| self.at.span(span)).collect()
    }
}

#[allow(clippy::needless_pass_by_value, reason = "as map_err gives it")]
fn refused(error: RenameError) -> Failure {
    Failure::new(error.to_string())
}

/// A change of the text.
pub(super) fn edit(edit: &TextEdit, at: &Offsets) -> Value {
    json!({ "span": at.span(&edit.span), "text": edit.text })
}

fn symbol(symbol: &Symbol, at: &Offsets) -> Value {
    json!({
        "name": symbol.name,
        "detail": symbol.detail,
        "kind": match symbol.kind { SymbolKind::Stage => "stage", SymbolKind::Instruction => "instruction" },
        "span": at.span(&symbol.span),
        "selection": at.span(&symbol.selection),
        "children": symbol.children.iter().map(|child| self::symbol(child, at)).collect::<Vec<_>>(),
    })
}

fn item_kind(kind: ItemKind) -> &'static str {
    match kind {
        ItemKind::Keyword => "keyword",
        ItemKind::Flag => "flag",
        ItemKind::Value => "value",
        ItemKind::Option => "option",
        ItemKind::Stage => "stage",
        ItemKind::Variable => "variable",
        ItemKind::Directive => "directive",
    }
}

fn token_kind(kind: TokenKind) -> &'static str {
    match kind {
        TokenKind::Keyword => "keyword",
        TokenKind::Directive => "directive",
        TokenKind::Comment => "comment",
        TokenKind::Flag => "flag",
        TokenKind::String => "string",
        TokenKind::Number => "number",
        TokenKind::Variable => "variable",
        TokenKind::Property => "property",
        TokenKind::Stage => "stage",
        TokenKind::Operator => "operator",
        TokenKind::HeredocDelimiter => "heredocDelimiter",
        TokenKind::Heredoc => "heredoc",
    }
}
