//! `# hadolint ignore=…`: leaving rules out by comment.

use std::collections::{BTreeMap, BTreeSet};

/// The rules that comments leave out.
#[derive(Debug, Clone, Default)]
pub(super) struct Pragmas {
    /// By the line of the instruction right below.
    lines: BTreeMap<usize, BTreeSet<String>>,
    /// By the line of a `FROM`, up to the next.
    stages: BTreeMap<usize, BTreeSet<String>>,
    global: BTreeSet<String>,
    /// Lines with `# hadolint ignore=`, and their bytes.
    pub(super) ignores: Vec<(usize, std::ops::Range<usize>)>,
}

impl Pragmas {
    /// Notes a comment, given without its `#`.
    pub(super) fn comment(&mut self, line: usize, span: std::ops::Range<usize>, text: &str) {
        match read(text) {
            Some((Scope::Line, rules)) => {
                self.ignores.push((line, span));
                self.lines.insert(line + 1, rules);
            }
            Some((Scope::Stage, rules)) => {
                self.stages.insert(line + 1, rules);
            }
            Some((Scope::Global, rules)) => self.global.extend(rules),
            None => {}
        }
    }

    /// Notes the line of a `FROM`: here the stage before ends.
    pub(super) fn from(&mut self, line: usize) {
        self.stages.entry(line).or_default();
    }

    /// Whether a rule counts on a line.
    pub(super) fn keeps(&self, rule: &str, line: usize) -> bool {
        let stage = self.stages.range(..line).next_back().map(|(_, rules)| rules);
        let sets = [self.lines.get(&line), stage, Some(&self.global)];
        !sets.into_iter().flatten().any(|rules| rules.contains(rule))
    }
}

enum Scope {
    Line,
    Stage,
    Global,
}

/// Reads ` hadolint [stage|global] ignore = DL3008, SC1091 # why`.
fn read(text: &str) -> Option<(Scope, BTreeSet<String>)> {
    let blank = [' ', '\t'];
    let rest = text.trim_start_matches(blank).strip_prefix("hadolint")?.strip_prefix(blank)?.trim_start_matches(blank);
    let word = |word: &str| {
        rest.strip_prefix(word).and_then(|rest| rest.strip_prefix(blank)).map(|rest| rest.trim_start_matches(blank))
    };
    let (scope, rest) = match (word("stage"), word("global")) {
        (Some(rest), _) => (Scope::Stage, rest),
        (_, Some(rest)) => (Scope::Global, rest),
        _ => (Scope::Line, rest),
    };
    let rest = rest.strip_prefix("ignore")?.trim_start_matches(blank).strip_prefix('=')?;
    let rest = rest.split('#').next().unwrap_or_default();
    let rules = crate::order::set(rest.split(',').map(|rule| rule.trim_matches(blank).to_owned()));
    let valid = |rule: &String| !rule.is_empty() && rule.chars().all(|c| "DLSC0123456789".contains(c));
    rules.iter().all(valid).then_some((scope, rules))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pragmas_have_hadolints_grammar() {
        for (text, valid) in [
            (" hadolint ignore=DL3008", true),
            ("hadolint  ignore = DL3008 , SC1 # for now", true),
            (" hadolint\tglobal ignore=DL1", true),
            (" hadolint stage ignore=DL1", true),
            (" hadolint ignore=", false),
            (" hadolint ignore=crazy,DL3002", false),
            (" hadolintignore=DL1", false),
            (" hadolint ignore=DL1 DL2", false),
        ] {
            assert_eq!(read(text).is_some(), valid, "{text}");
        }
    }

    #[test]
    fn a_line_pragma_is_for_the_next_line_and_a_stages_for_its_stage() {
        let mut pragmas = Pragmas::default();
        pragmas.comment(3, 0..1, " hadolint ignore=DL1");
        pragmas.comment(6, 0..1, " hadolint stage ignore=DL2");
        pragmas.from(7);
        pragmas.from(10);
        assert!(!pragmas.keeps("DL1", 4) && pragmas.keeps("DL1", 5));
        assert!(pragmas.keeps("DL2", 7) && !pragmas.keeps("DL2", 8) && pragmas.keeps("DL2", 11));
    }
}
