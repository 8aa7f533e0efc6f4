//! What can be written at a place.

use std::collections::BTreeMap;
use std::ops::Range;

use super::context::{Before, Context, context};
use super::model::Model;
use super::table::{DIRECTIVES, Flag, INSTRUCTIONS, MOUNT_OPTIONS, MOUNTS, Values, instruction};
use super::values::{PLATFORM_ARGS, PROXY_ARGS};
use super::variables::is_name;

/// What an offer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ItemKind {
    /// An instruction's name, or a word with a meaning such as `AS`.
    Keyword,
    /// A `--flag`.
    Flag,
    /// A value of a flag or an option.
    Value,
    /// An option of a mount.
    Option,
    /// A build stage.
    Stage,
    /// An `ARG` or `ENV`.
    Variable,
    /// A parser directive or pragma.
    Directive,
}

/// An offer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// What is shown.
    pub label: String,
    /// What is written.
    pub insert: String,
    /// What it is.
    pub kind: ItemKind,
    /// A few words beside the label, perhaps none.
    pub detail: String,
    /// A sentence or two, in Markdown, perhaps none.
    pub doc: String,
}

/// Offers, and the bytes that any of them would replace. They are those that begin, in any case, with what stands before the place.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Completions {
    /// From the beginning of the word at the place to the place.
    pub replace: Range<usize>,
    /// The best first.
    pub items: Vec<Item>,
}

fn item(label: &str, kind: ItemKind, detail: &str, doc: &str) -> Item {
    Item { label: label.to_owned(), insert: label.to_owned(), kind, detail: detail.to_owned(), doc: doc.to_owned() }
}

/// What can stand at a place. Places inside a character, or beyond the end, are taken for the nearest before.
pub fn complete(text: &str, offset: usize) -> Completions {
    let mut offset = offset.min(text.len());
    while !text.is_char_boundary(offset) {
        offset -= 1;
    }
    let model = Model::new(text);
    let completer = Completer { model: &model, offset };
    let (start, mut items) = completer.offers();
    let start = start.min(offset);
    let typed = crate::golang::case::lower(text.get(start..offset).unwrap_or_default());
    items.retain(|item| crate::golang::case::lower(&item.label).starts_with(&typed));
    Completions { replace: start..offset, items }
}

struct Completer<'a> {
    model: &'a Model<'a>,
    offset: usize,
}

impl Completer<'_> {
    /// Where the word to complete begins, and what could be there.
    fn offers(&self) -> (usize, Vec<Item>) {
        let before = match context(self.model.text, &self.model.file, self.offset) {
            Context::Comment { top, start } => return (start, directives(top)),
            Context::Heredoc { expand } => {
                return self.variable().filter(|_| expand).unwrap_or((self.offset, Vec::new()));
            }
            Context::Instruction(before) => before,
        };
        if let Some(found) = self.variable() {
            return found;
        }
        (self.start(&before), self.words(&before))
    }

    fn start(&self, before: &Before) -> usize {
        let word = before.word();
        let flag = word.starts_with("--").then(|| word.rfind(['=', ','])).flatten();
        // Only what stands in one piece can be measured back from the place.
        let whole = self.model.text[..self.offset].ends_with(word);
        match flag {
            Some(at) if whole => self.offset - (word.len() - at - 1),
            _ if whole => self.offset - word.len(),
            _ => before.start.min(self.offset),
        }
    }

    fn words(&self, before: &Before) -> Vec<Item> {
        if before.words.len() < 2 {
            let never = |name| before.trigger && matches!(name, "FROM" | "MAINTAINER" | "ONBUILD");
            let instructions = INSTRUCTIONS.iter().filter(|found| !never(found.name));
            return instructions.map(|found| item(found.name, ItemKind::Keyword, found.syntax, found.doc)).collect();
        }
        let Some(found) = instruction(before.name()) else {
            return Vec::new();
        };
        let word = before.word();
        let arguments = before.arguments();
        if word.starts_with('-') && arguments.is_empty() {
            return match word.split_once('=') {
                Some((name, value)) => {
                    found.flag(name).map(|flag| self.values(before, flag, value)).unwrap_or_default()
                }
                None => found.flags.iter().map(flag_item).collect(),
            };
        }
        match (found.name, arguments.as_slice()) {
            ("FROM", []) => {
                let mut items = self.stages(before);
                items.push(item("scratch", ItemKind::Stage, "an empty file system", ""));
                items.extend(found.flags.iter().map(flag_item));
                items
            }
            ("FROM", [_]) => vec![item("AS", ItemKind::Keyword, "names the stage", "")],
            ("HEALTHCHECK", []) => {
                let mut items = vec![
                    item("CMD", ItemKind::Keyword, "a command that checks", ""),
                    item("NONE", ItemKind::Keyword, "no check", ""),
                ];
                items.extend(found.flags.iter().map(flag_item));
                items
            }
            ("STOPSIGNAL", []) => {
                ["SIGTERM", "SIGINT", "SIGQUIT", "SIGHUP", "SIGKILL", "SIGUSR1", "SIGUSR2", "SIGWINCH"]
                    .iter()
                    .map(|signal| item(signal, ItemKind::Value, "", ""))
                    .collect()
            }
            ("ARG", _) => self.arguments_to_ask_for(),
            ("LABEL", _) => [
                "authors",
                "created",
                "description",
                "documentation",
                "licenses",
                "revision",
                "source",
                "title",
                "url",
                "vendor",
                "version",
            ]
            .iter()
            .map(|key| item(&format!("org.opencontainers.image.{key}="), ItemKind::Value, "OCI annotation", ""))
            .collect(),
            (_, []) => found.flags.iter().map(flag_item).collect(),
            _ => Vec::new(),
        }
    }

    fn values(&self, before: &Before, flag: &Flag, value: &str) -> Vec<Item> {
        match flag.values {
            Values::Free => Vec::new(),
            Values::List(values) => values.iter().map(|value| item(value, ItemKind::Value, "", "")).collect(),
            Values::Stage => self.stages(before),
            Values::Mount => self.mount(before, value),
        }
    }

    fn mount(&self, before: &Before, value: &str) -> Vec<Item> {
        let (done, last) = value.rsplit_once(',').unwrap_or(("", value));
        let options: Vec<(&str, &str)> = done.split(',').filter_map(|option| option.split_once('=')).collect();
        if let Some((name, _)) = last.split_once('=') {
            return match name {
                "type" => MOUNTS.iter().map(|(kind, _, doc)| item(kind, ItemKind::Value, "", doc)).collect(),
                "from" => self.stages(before),
                "sharing" => {
                    ["shared", "private", "locked"].iter().map(|value| item(value, ItemKind::Value, "", "")).collect()
                }
                "rw" | "ro" | "required" => {
                    ["true", "false"].iter().map(|value| item(value, ItemKind::Value, "", "")).collect()
                }
                _ => Vec::new(),
            };
        }
        let kind = options.iter().find(|(name, _)| *name == "type").map_or("bind", |(_, kind)| kind);
        let mut names: Vec<&str> =
            MOUNTS.iter().find(|(name, ..)| *name == kind).map(|(_, names, _)| names.to_vec()).unwrap_or_default();
        names.insert(0, "type");
        names
            .into_iter()
            .filter(|name| !done.split(',').any(|option| option.split('=').next() == Some(name)))
            .map(|name| {
                let doc = MOUNT_OPTIONS.iter().find(|(option, _)| *option == name).map_or("", |(_, doc)| doc);
                let mut item = item(name, ItemKind::Option, "", doc);
                if !matches!(name, "rw" | "ro" | "required") {
                    item.insert.push('=');
                }
                item
            })
            .collect()
    }

    /// The stages that can be named in a stage: those before it. What is after `ONBUILD` is run in another, perhaps the last.
    fn stages(&self, before: &Before) -> Vec<Item> {
        let all = &self.model.stages;
        let limit = if before.trigger { all.len() } else { self.model.stage_at(self.offset).unwrap_or(0) };
        let names = all[..limit].iter().filter_map(|stage| {
            let base = stage.base.as_ref().map_or(String::new(), |base| format!("stage from {}", base.text));
            Some(item(&stage.name.as_ref()?.text, ItemKind::Stage, &base, ""))
        });
        names.rev().collect()
    }

    fn arguments_to_ask_for(&self) -> Vec<Item> {
        let global = self.model.variables.iter().filter(|v| v.stage.is_none() && !self.model.stages.is_empty());
        let mut items: Vec<Item> =
            global.map(|v| item(&v.name.text, ItemKind::Variable, "from before the first FROM", "")).collect();
        items.extend(PLATFORM_ARGS.iter().map(|(name, doc)| item(name, ItemKind::Variable, "set by the builder", doc)));
        items
    }

    /// Completion after `$` and `${`.
    fn variable(&self) -> Option<(usize, Vec<Item>)> {
        let text = &self.model.text[..self.offset];
        let start = self.offset - text.bytes().rev().take_while(|b| is_name(*b)).count();
        let head = &text[..start];
        let brace = head.ends_with("${");
        if !brace && !head.ends_with('$') {
            return None;
        }
        let dollar = head.len() - if brace { 2 } else { 1 };
        if head[..dollar].ends_with(self.model.file.escape) {
            return None;
        }
        let close = if brace && !self.model.text[self.offset..].starts_with('}') { "}" } else { "" };
        let mut items: Vec<Item> =
            self.names().into_iter().map(|(name, detail)| item(&name, ItemKind::Variable, &detail, "")).collect();
        items.iter_mut().for_each(|item| item.insert.push_str(close));
        Some((start, items))
    }

    /// The variables in force, by name.
    fn names(&self) -> BTreeMap<String, String> {
        let model = self.model;
        let line = model.text[..self.offset].rfind('\n').map_or(0, |end| end + 1);
        let node =
            model.file.nodes.iter().position(|node| node.span.start <= self.offset && self.offset <= node.span.end);
        let limit = node.unwrap_or_else(|| model.file.nodes.iter().filter(|node| node.span.end < self.offset).count());
        let mut stage = model.stage_at(self.offset);
        let word = model.text[line..].split_whitespace().next().unwrap_or("");
        let is_from = node.map_or(word.eq_ignore_ascii_case("from"), |node| model.file.nodes[node].is("from"));
        if is_from {
            stage = None;
        }
        let mut names: BTreeMap<String, String> = BTreeMap::new();
        if stage.is_none() {
            names.extend(PLATFORM_ARGS.iter().map(|(name, doc)| ((*name).to_owned(), (*doc).to_owned())));
        }
        let visible = model.ancestry(stage);
        for variable in &model.variables {
            let own = variable.stage == stage;
            let inherited = variable.stage.is_some_and(|found| visible.contains(&found));
            if (own && variable.node < limit) || (!own && inherited) {
                let kind = if variable.env { "ENV" } else { "ARG" };
                let value = variable.value.as_ref().map_or(String::new(), |value| format!("={}", value.text));
                names.insert(variable.name.text.clone(), format!("{kind} {}{value}", variable.name.text));
            }
        }
        if stage.is_some() {
            names.extend(
                PROXY_ARGS
                    .iter()
                    .take(8)
                    .filter(|name| name.starts_with(char::is_uppercase))
                    .map(|name| ((*name).to_owned(), "given by the build".to_owned())),
            );
        }
        names
    }
}

fn flag_item(flag: &Flag) -> Item {
    let mut item = item(flag.name, ItemKind::Flag, "", flag.doc);
    if flag.values != Values::List(&["true", "false"]) {
        item.insert.push('=');
    }
    item
}

fn directives(top: bool) -> Vec<Item> {
    let pragma = |label: &str, detail: &str| item(label, ItemKind::Directive, detail, "");
    let mut items = Vec::new();
    if top {
        for (name, values, doc) in DIRECTIVES {
            items.extend(
                values.iter().map(|value| item(&format!("# {name}={value}"), ItemKind::Directive, "directive", doc)),
            );
        }
    }
    items.push(pragma("# hadolint ignore=", "leaves rules out for the next instruction"));
    items.push(pragma("# hadolint global ignore=", "leaves rules out for the file"));
    items
}
