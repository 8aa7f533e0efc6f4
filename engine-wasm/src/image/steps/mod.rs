//! Which instruction made which layer: history entries understood, and laid beside a Dockerfile.

mod align;
#[cfg(test)]
mod tests;

use serde::Serialize;

use super::parts::Image;
use crate::dockerfile::instructions;

pub use align::align;

/// Which builder wrote a history entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Builder {
    /// `/bin/sh -c #(nop) CMD ["sh"]`
    Classic,
    /// `CMD ["sh"]`, with the comment `buildkit.dockerfile.v0`.
    Buildkit,
    /// Another tool.
    Other,
}

/// A step of an image's history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Step {
    /// Which history entry, from 0 and the oldest.
    pub history: usize,
    /// Which layer it made, from 0 and the lowest; none for `ENV` and the like.
    pub layer: Option<usize>,
    /// Who wrote it.
    pub builder: Builder,
    /// `RUN`, `COPY`; empty where it cannot be told.
    pub instruction: String,
    /// What stands behind it, the shell in front of a `RUN` apart.
    pub arguments: String,
    /// The Dockerfile's lines, first and last from 1, where [`align`] has found them.
    pub lines: Option<(usize, usize)>,
}

impl Step {
    /// The instruction as one would write it.
    pub fn text(&self) -> String {
        match (self.instruction.as_str(), self.arguments.as_str()) {
            ("", arguments) => arguments.to_owned(),
            (instruction, "") => instruction.to_owned(),
            (instruction, arguments) => format!("{instruction} {arguments}"),
        }
    }
}

fn keyword(text: &str) -> Option<(&'static str, &str)> {
    let (word, rest) = text.split_once([' ', '\t']).unwrap_or((text, ""));
    instructions::NAMES.iter().find(|known| **known == word).map(|known| (*known, rest.trim_start()))
}

/// `|2 A=b C=d /bin/sh -c …`: the build arguments in front of a `RUN`.
fn without_arguments(text: &str) -> &str {
    let Some((count, rest)) = text.strip_prefix('|').and_then(|rest| rest.split_once(' ')) else { return text };
    if count.parse::<usize>().is_err() {
        return text;
    }
    // A value may hold spaces and is not quoted, so the shell's beginning is looked for.
    ["/bin/sh -c ", "/bin/bash -", "cmd /S /C ", "powershell "]
        .iter()
        .filter_map(|shell| rest.find(shell))
        .min()
        .map_or(rest, |at| &rest[at..])
}

fn without_shell(text: &str) -> &str {
    text.strip_prefix("/bin/sh -c ").unwrap_or(text)
}

/// What a `created_by` says: builder, instruction, arguments.
pub fn understand(created_by: &str, comment: &str) -> (Builder, &'static str, String) {
    let text = created_by.trim();
    let buildkit = comment.starts_with("buildkit") || text.ends_with("# buildkit");
    let text = text.strip_suffix("# buildkit").unwrap_or(text).trim_end();
    if let Some(rest) = text.strip_prefix("/bin/sh -c #(nop)").or_else(|| text.strip_prefix("cmd /S /C #(nop)")) {
        let rest = rest.trim_start();
        let (instruction, arguments) = keyword(rest).unwrap_or(("", rest));
        return (Builder::Classic, instruction, arguments.to_owned());
    }
    if let Some((instruction, arguments)) = keyword(text) {
        let arguments = if instruction == "RUN" { without_shell(without_arguments(arguments)) } else { arguments };
        return (if buildkit { Builder::Buildkit } else { Builder::Other }, instruction, arguments.to_owned());
    }
    let command = without_arguments(text);
    if text.starts_with('|') || text.starts_with("/bin/sh -c ") {
        return (Builder::Classic, "RUN", without_shell(command).to_owned());
    }
    (Builder::Other, "", text.to_owned())
}

/// All steps of an image, oldest first.
pub fn steps(image: &Image) -> Vec<Step> {
    let mut layer = 0;
    let mut out = Vec::new();
    for (at, entry) in image.config.history.iter().enumerate() {
        let comment = entry.comment.as_deref().unwrap_or_default();
        let (builder, instruction, arguments) = understand(entry.created_by.as_deref().unwrap_or_default(), comment);
        let made = (!entry.empty_layer && layer < image.layers.len()).then_some(layer);
        layer += usize::from(!entry.empty_layer);
        out.push(Step {
            history: at,
            layer: made,
            builder,
            instruction: instruction.to_owned(),
            arguments,
            lines: None,
        });
    }
    out
}

/// The step that made a layer, if history tells.
pub fn of_layer(steps: &[Step], layer: usize) -> Option<&Step> {
    steps.iter().find(|step| step.layer == Some(layer))
}
