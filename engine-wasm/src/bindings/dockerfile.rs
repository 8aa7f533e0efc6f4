//! `dockerfile.*`: the syntax tree and shell words.

use std::collections::BTreeMap;

use serde_json::Value;

use super::args::{Args, Options, expected};
use super::offsets::Offsets;
use super::{Failure, Function};
use crate::dockerfile::shell::Lexer;
use crate::dockerfile::{self, Node, Word};

pub(super) const TABLE: &[(&str, Function)] = &[
    ("dockerfile.parse", |args| Ok(parse(args.text(0, "text")?))),
    ("dockerfile.dump", |args| {
        let text = args.text(0, "text")?;
        let file = dockerfile::parse(text);
        match file.errors.first() {
            None => Ok(file.dump().into()),
            Some(error) => Err(Failure {
                line: Some(error.lines.0.max(1)),
                span: Some(Offsets::new(text).pair(&error.span)),
                ..Failure::new(error.to_string())
            }),
        }
    }),
    ("dockerfile.expand", |args| {
        let (lexer, env) = lexer(args)?;
        let expansion = lexer.word(args.text(0, "word")?, &env).map_err(|error| Failure::new(error.to_string()))?;
        Ok(json!({ "text": expansion.text, "matched": expansion.matched, "unmatched": expansion.unmatched }))
    }),
    ("dockerfile.words", |args| {
        let (lexer, env) = lexer(args)?;
        lexer.words(args.text(0, "text")?, &env).map(Value::from).map_err(|error| Failure::new(error.to_string()))
    }),
];

fn lexer(args: &Args) -> Result<(Lexer, BTreeMap<String, String>), Failure> {
    let mut env = BTreeMap::new();
    if let Some(variables) = args.get(1) {
        for (name, value) in variables.as_object().ok_or_else(|| expected("env", "an object of strings"))? {
            let value = value.as_str().ok_or_else(|| expected(&format!("env.{name}"), "a string"))?;
            env.insert(name.clone(), value.to_owned());
        }
    }
    let options = args.options(2, &["escape", "rawQuotes", "rawEscapes", "skipProcessQuotes", "skipUnsetEnv"])?;
    let lexer = Lexer {
        raw_quotes: options.flag("rawQuotes")?,
        raw_escapes: options.flag("rawEscapes")?,
        skip_process_quotes: options.flag("skipProcessQuotes")?,
        skip_unset_env: options.flag("skipUnsetEnv")?,
        ..Lexer::new(escape(&options)?)
    };
    Ok((lexer, env))
}

fn escape(options: &Options<'_>) -> Result<char, Failure> {
    options.choice("escape", &[("\\", '\\'), ("`", '`')])
}

fn parse(text: &str) -> Value {
    let file = dockerfile::parse(text);
    let at = Offsets::new(text);
    let directives = file.directives.iter().map(|directive| {
        let (name, value, line) = (&directive.name, &directive.value, directive.line);
        json!({ "name": name, "value": value, "line": line, "span": at.span(&directive.span) })
    });
    json!({
        "escape": file.escape.to_string(),
        "directives": directives.collect::<Vec<_>>(),
        "instructions": file.nodes.iter().map(|found| node(found, &at)).collect::<Vec<_>>(),
        "warnings": file.warnings.iter().map(|w| json!({ "message": w.message, "line": w.line })).collect::<Vec<_>>(),
        "errors": file.errors.iter().map(|error| json!({
            "message": error.to_string(),
            "lines": [error.lines.0, error.lines.1],
            "span": at.span(&error.span),
        })).collect::<Vec<_>>(),
    })
}

fn node(node: &Node, at: &Offsets) -> Value {
    let words = |words: &[Word]| words.iter().map(|found| word(found, at)).collect::<Vec<_>>();
    let heredocs = node.heredocs.iter().map(|heredoc| {
        json!({
            "name": heredoc.name,
            "fileDescriptor": heredoc.file_descriptor,
            "expand": heredoc.expand,
            "chomp": heredoc.chomp,
            "content": heredoc.content,
            "span": at.span(&heredoc.span),
        })
    });
    json!({
        "name": word(&node.name, at),
        "flags": words(&node.flags),
        "args": words(&node.args),
        "json": node.json,
        "child": node.child.as_ref().map(|child| self::node(child, at)),
        "heredocs": heredocs.collect::<Vec<_>>(),
        "original": node.original,
        "comments": node.comments,
        "lines": [node.lines.0, node.lines.1],
        "span": at.span(&node.span),
    })
}

fn word(word: &Word, at: &Offsets) -> Value {
    json!({ "text": word.text, "span": at.span(&word.span) })
}
