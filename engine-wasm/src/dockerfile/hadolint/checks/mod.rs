//! The rules themselves, by subject.

mod images;
mod labels;
mod languages;
mod packages;
mod paths;
mod shell;
mod stages;
mod users;

use std::ops::Range;

use super::file::{Ins, View};
use super::script::{Arg, Cmd, Script};
use super::{Options, rule};
use crate::dockerfile::lint::{Diagnostic, Fix, Severity, TextEdit};

type Check = fn(&mut Sink<'_>, &[Ins<'_>]);

/// The checks, and whether they look into `ONBUILD` too.
const CHECKS: &[(Check, bool)] = &[
    (images::check, false),
    (stages::check, false),
    (paths::check, false),
    (users::check, false),
    (labels::check, false),
    (shell::check, true),
    (shell::check_stages, false),
    (packages::check, true),
    (languages::check, true),
    (users::secrets, true),
    (shell::wget_and_curl, true),
];

/// Everything that the rules find, whether wanted or not.
pub(super) fn all(view: &View<'_>, options: &Options) -> Vec<Diagnostic> {
    let mut sink = Sink { view, options, found: Vec::new() };
    for (check, triggers) in CHECKS {
        check(&mut sink, &view.main);
        if *triggers {
            check(&mut sink, &view.triggers);
        }
    }
    for (line, span) in &view.pragmas.ignores {
        sink.push("DL1001", span.clone(), (*line, *line), None, None);
    }
    sink.found
}

/// Where findings go.
pub(super) struct Sink<'a> {
    view: &'a View<'a>,
    options: &'a Options,
    found: Vec<Diagnostic>,
}

impl Sink<'_> {
    fn push(
        &mut self,
        code: &'static str,
        span: Range<usize>,
        lines: (usize, usize),
        message: Option<String>,
        fix: Option<Fix>,
    ) {
        let Some(rule) = rule(code) else { return };
        self.found.push(Diagnostic {
            rule: code,
            message: message.unwrap_or_else(|| rule.message.to_owned()),
            severity: rule.severity.unwrap_or(Severity::Info),
            url: rule.url,
            span,
            lines,
            fixes: fix.into_iter().collect(),
        });
    }

    /// Reports an instruction.
    fn add(&mut self, code: &'static str, ins: &Ins<'_>) {
        self.push(code, ins.span.clone(), ins.lines, None, None);
    }

    /// Reports a place in an instruction, with a way to mend it.
    fn add_at(&mut self, code: &'static str, ins: &Ins<'_>, span: Range<usize>, fix: Option<Fix>) {
        let span = if span.is_empty() { ins.span.clone() } else { span };
        self.push(code, span, ins.lines, None, fix);
    }

    /// Reports an instruction because of a label.
    fn add_label(&mut self, code: &'static str, ins: &Ins<'_>, label: &str) {
        let message = rule(code).map(|rule| rule.message.replace("{}", label));
        self.push(code, ins.span.clone(), ins.lines, message, None);
    }

    /// Reports each `RUN` with a command that `bad` finds, at the first; `mend` gives the edits for each of them.
    fn commands(
        &mut self,
        code: &'static str,
        list: &[Ins<'_>],
        bad: impl Fn(&Cmd) -> bool,
        title: &str,
        mend: impl Fn(&Self, &Cmd) -> Option<TextEdit>,
    ) {
        for ins in runs(list) {
            let found: Vec<&Cmd> = ins.script.commands.iter().filter(|cmd| bad(cmd)).collect();
            let Some(first) = found.first() else { continue };
            let edits: Option<Vec<TextEdit>> =
                if ins.node.json { None } else { found.iter().map(|cmd| mend(self, cmd)).collect() };
            let fix = edits.map(|edits| Fix { title: title.to_owned(), edits });
            self.add_at(code, ins, first.span.clone(), fix);
        }
    }

    /// An edit that puts text after an argument, where that stands in the file as it is read.
    fn after(&self, arg: &Arg, text: &str) -> Option<TextEdit> {
        let as_read = self.view.text.get(arg.span.clone()) == Some(arg.text.as_str());
        as_read.then(|| TextEdit { span: arg.span.end..arg.span.end, text: text.to_owned() })
    }

    /// An edit that puts a flag after one of these arguments.
    fn flag_after(&self, cmd: &Cmd, any: &[&str], flag: &str) -> Option<TextEdit> {
        self.after(cmd.args.iter().find(|arg| any.contains(&arg.text.as_str()))?, &format!(" {flag}"))
    }

    /// An edit that puts a flag after the program's name.
    fn flag_first(&self, cmd: &Cmd, flag: &str) -> Option<TextEdit> {
        let end = cmd.span.end;
        let as_read = self.view.text.get(cmd.span.clone()) == Some(cmd.name.as_str());
        as_read.then(|| TextEdit { span: end..end, text: format!(" {flag}") })
    }

    /// A fix that puts a command at the end of a `RUN`, where the commands before are a chain of `&&`.
    fn append(&self, ins: &Ins<'_>, title: &str, command: &str) -> Option<Fix> {
        let script = &ins.script;
        // What is in a cache of the builder's is there to be kept.
        let cached = ins.node.flags.iter().any(|flag| flag.text.contains("type=cache"));
        let fits = script.chain && !cached && ins.node.heredocs.is_empty() && !ins.node.json;
        let fits = fits && !script.text.contains('#');
        let end = ins.node.args.last()?.span.end;
        // Text after the arguments, such as an escape at the file's end, is not understood here.
        (fits && end == ins.span.end).then(|| Fix {
            title: title.to_owned(),
            edits: vec![TextEdit { span: end..end, text: format!(" && {command}") }],
        })
    }
}

/// The `RUN`s of a list.
fn runs<'a, 'b>(list: &'b [Ins<'a>]) -> impl Iterator<Item = &'b Ins<'a>> {
    list.iter().filter(|ins| ins.name == "RUN")
}

/// Where the first command is that `check` finds.
fn position(script: &Script, check: impl Fn(&Cmd) -> bool) -> Option<usize> {
    script.commands.iter().position(check)
}

/// `"x"` and `'x'` without quotes.
fn unquoted(text: &str) -> &str {
    text.trim_matches(['"', '\''])
}

/// `C:` and so on.
fn is_drive(path: &str) -> bool {
    let mut chars = path.chars();
    chars.next().is_some_and(char::is_alphabetic) && chars.next() == Some(':')
}
