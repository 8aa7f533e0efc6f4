//! What is checked while instructions are read, in the order of the file (`instructions/parse.go`).

use super::super::Node;
use super::super::instructions::{lower, upper};
use super::rules;
use super::run::{Check, Place};
use super::{Config, fixes};

impl Check<'_> {
    /// Walks the nodes; an instruction's faults end it, unless errors are passed over.
    pub(super) fn instructions(&mut self) -> Option<()> {
        let program = self.program;
        let file = self.file;
        let mut faults = program.errors[file.errors.len()..].iter().peekable();
        let mut stages = program.stages.iter().peekable();
        for (index, node) in file.nodes.iter().enumerate() {
            let config = self.config_for(index);
            let stage = stages.next_if(|stage| stage.node == index);
            let name = lower(&node.name.text);
            match name.as_str() {
                "maintainer" => {
                    let message = "Maintainer instruction is deprecated in favor of using label".to_owned();
                    let place = Place { span: node.span.clone(), lines: node.lines };
                    self.warn_with(&config, &rules::MAINTAINER_DEPRECATED, place, message, || fixes::maintainer(node));
                }
                "from" => self.from_casing(&config, node),
                _ => {}
            }
            let mut faulty = false;
            while let Some(error) = faults.next_if(|error| error.lines == node.lines) {
                faulty = true;
                self.report.errors.push(error.into());
                if !self.options.go_on {
                    return None;
                }
            }
            if faulty {
                continue;
            }
            match (name.as_str(), stage) {
                ("from", Some(stage)) if !stage.name().is_empty() => {
                    self.description(&config, "FROM", &[stage.name()], node);
                }
                ("arg", _) => {
                    let names: Vec<&str> =
                        node.args.iter().map(|arg| arg.text.split('=').next().unwrap_or_default()).collect();
                    self.description(&config, "ARG", &names, node);
                }
                _ => {}
            }
        }
        Some(())
    }

    fn from_casing(&mut self, config: &Config, node: &Node) {
        if let [_, _, name] = node.args.as_slice() {
            let wanted = lower(&name.text);
            if wanted != name.text {
                let message = format!("Stage name '{}' should be lowercase", name.text);
                let place = super::run::at(name, node.lines);
                self.warn_with(config, &rules::STAGE_NAME_CASING, place, message, || {
                    vec![fixes::replace(format!("Write {wanted}"), name, wanted)]
                });
            }
        }
        let [_, keyword, _, ..] = node.args.as_slice() else { return };
        let from = &node.name.text;
        let wanted = if lower(from) == *from {
            lower(&keyword.text)
        } else if upper(from) == *from {
            upper(&keyword.text)
        } else {
            // That FROM itself mixes them is another rule's matter.
            return;
        };
        if wanted != keyword.text {
            let message = format!("'{}' and '{from}' keywords' casing do not match", keyword.text);
            let place = super::run::at(keyword, node.lines);
            self.warn_with(config, &rules::FROM_AS_CASING, place, message, || {
                vec![fixes::replace(format!("Write {wanted}"), keyword, wanted)]
            });
        }
    }

    fn description(&mut self, config: &Config, instruction: &str, names: &[&str], node: &Node) {
        let (Some(comment), Some(first)) = (node.comments.last(), names.first()) else { return };
        if names.contains(&comment.split(' ').next().unwrap_or_default()) {
            return;
        }
        let example = if names.len() > 1 { "<arg_key>" } else { first };
        let message = format!("Comment for {instruction} should follow the format: `# {example} <description>`");
        let place = Place { span: node.span.clone(), lines: node.lines };
        self.warn(config, &rules::INVALID_DEFINITION_DESCRIPTION, place, message);
    }
}
