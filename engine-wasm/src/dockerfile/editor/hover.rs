//! What the thing at a place is, in a few sentences of Markdown.

use std::ops::Range;

use super::model::Model;
use super::table::{DIRECTIVES, REFERENCE, instruction};
use super::values::{PLATFORM_ARGS, PROXY_ARGS, value};
use crate::dockerfile::Node;

/// What to show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hover {
    /// The bytes that it is about.
    pub span: Range<usize>,
    /// Markdown.
    pub text: String,
}

/// Explains an instruction, a flag, a directive, a variable with the value it has there, or a stage.
pub fn hover(text: &str, offset: usize) -> Option<Hover> {
    let model = Model::new(text);
    let here = |span: &Range<usize>| span.start <= offset && offset <= span.end && !span.is_empty();
    if let Some(directive) = model.file.directives.iter().find(|directive| here(&directive.span)) {
        let doc = DIRECTIVES.iter().find(|(name, ..)| *name == directive.name).map(|(_, _, doc)| *doc)?;
        let text =
            format!("Parser directive `{}`: {doc}\n\n[Reference]({REFERENCE}#{})", directive.name, directive.name);
        return Some(Hover { span: directive.span.clone(), text });
    }
    variable(&model, &here).or_else(|| stage(&model, &here)).or_else(|| {
        let node = model.file.nodes.iter().find(|node| here(&node.span))?;
        keyword(node, &here)
    })
}

fn keyword(node: &Node, here: &dyn Fn(&Range<usize>) -> bool) -> Option<Hover> {
    let found = instruction(&node.name.text);
    if here(&node.name.span) {
        let found = found?;
        let text = format!(
            "```dockerfile\n{}\n```\n{}\n\n[Reference]({})",
            found.syntax.replace("  |  ", "\n"),
            found.doc,
            found.link()
        );
        return Some(Hover { span: node.name.span.clone(), text });
    }
    if let Some(flag) = node.flags.iter().find(|flag| here(&flag.span)) {
        let name = flag.text.split('=').next().unwrap_or_default();
        let (found, known) = (found?, found?.flag(name)?);
        let text = format!("`{}` of `{}`: {}\n\n[Reference]({})", known.name, found.name, known.doc, known.link(found));
        return Some(Hover { span: flag.span.clone(), text });
    }
    keyword(node.child.as_deref()?, here)
}

fn variable(model: &Model<'_>, here: &dyn Fn(&Range<usize>) -> bool) -> Option<Hover> {
    let (name, span, stage, node) = match model.uses.iter().find(|used| here(&used.span)) {
        Some(used) => (&model.text[used.name.clone()], used.span.clone(), used.stage, used.node),
        None => {
            let variable = model.variables.iter().find(|variable| here(&variable.name.span))?;
            // At the definition, what it gives.
            (variable.name.text.as_str(), variable.name.span.clone(), variable.stage, variable.node + 1)
        }
    };
    let mut text = match model.resolve(name, stage, node) {
        Some(variable) => {
            let kind = if variable.env { "ENV" } else { "ARG" };
            let line = model.file.nodes.get(variable.node).map_or(0, |node| node.lines.0);
            let value = match value(model, name, stage, node) {
                Some(value) => format!("is `{}` here", value.replace('`', "'")),
                None => "has a value that only the build tells".to_owned(),
            };
            format!("`{name}` {value}: set by `{kind}` on line {line}.")
        }
        None if PROXY_ARGS.contains(&name) => format!("`{name}` is given by the build, if at all; it needs no `ARG`."),
        None => format!("`{name}` is not set by this file."),
    };
    if let Some((_, doc)) = PLATFORM_ARGS.iter().find(|(platform, _)| *platform == name) {
        text = format!("`{name}` is set by the builder: {doc}.");
        if stage.is_some() && model.resolve(name, stage, node).is_none() {
            text.push_str(&format!(" A stage must ask for it with `ARG {name}`."));
        }
    }
    Some(Hover { span, text })
}

fn stage(model: &Model<'_>, here: &dyn Fn(&Range<usize>) -> bool) -> Option<Hover> {
    let defined = model.stages.iter().enumerate().find_map(|(index, stage)| {
        stage.name.as_ref().filter(|name| here(&name.span)).map(|name| (Some(index), name.clone()))
    });
    let used =
        || model.stage_uses.iter().find(|used| here(&used.word.span)).map(|used| (used.stage, used.word.clone()));
    let (stage, word) = defined.or_else(used)?;
    let Some(stage) = stage else {
        if word.text == "scratch" {
            return Some(Hover {
                span: word.span,
                text: "`scratch` is empty: a stage on it begins without any file.".to_owned(),
            });
        }
        return Some(Hover { span: word.span, text: format!("Image `{}`.", word.text.replace('`', "'")) });
    };
    let chain = model.ancestry(Some(stage));
    let mut built: Vec<String> = chain
        .iter()
        .skip(1)
        .filter_map(|index| model.stages[*index].name.as_ref())
        .map(|name| format!("stage `{}`", name.text))
        .collect();
    let root = chain.last().and_then(|index| model.stages[*index].base.as_ref());
    built.extend(root.map(|base| format!("image `{}`", base.text)));
    let line = model.file.nodes.get(model.stages[stage].nodes.start).map_or(0, |node| node.lines.0);
    let commands = model.stages[stage].nodes.len() - 1;
    let plural = if commands == 1 { "" } else { "s" };
    let text = format!(
        "Stage {stage}, from line {line}, {commands} instruction{plural}, built on {}.",
        built.join(", which is built on ")
    );
    Some(Hover { span: word.span, text })
}
