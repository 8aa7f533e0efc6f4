//! Secrets in an image, layer by layer: also those that a later layer removes, since the archive still has them.

use std::sync::Arc;

use serde::Serialize;

use super::merge::{Merged, MergedId};
use super::secrets::by_path;
use super::steps::{Step, of_layer};
use super::tar::Kind;
use super::tree::{Flags, Tree};

/// A file that looks like a secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Its path; what is no UTF-8 is replaced.
    pub path: String,
    /// What it looks like.
    pub what: &'static str,
    /// Bytes of it.
    pub size: u64,
    /// The layer that has it, from 0 and the lowest.
    pub layer: usize,
    /// The instruction that made this layer, if history tells.
    pub instruction: Option<String>,
    /// The layer that removes or replaces it. It is still in the archive.
    pub hidden_by: Option<usize>,
}

/// Looks for secrets in all layers, lowest first. Contents count only where they were looked at (`Options::secrets`).
pub fn findings(trees: &[Arc<Tree>], steps: &[Step]) -> Vec<Finding> {
    let mut merged = Merged::default();
    let mut open: Vec<(MergedId, usize)> = Vec::new();
    let mut out: Vec<Finding> = Vec::new();
    for (layer, tree) in trees.iter().enumerate() {
        merged.push(Arc::clone(tree));
        for (id, at) in &open {
            let still = !merged.is_gone(*id) && merged.entry(*id).is_some_and(|(now, ..)| now == out[*at].layer);
            if !still && out[*at].hidden_by.is_none() {
                out[*at].hidden_by = Some(layer);
            }
        }
        open.retain(|(_, at)| out[*at].hidden_by.is_none());
        let mut stack = vec![(Tree::ROOT, Merged::ROOT)];
        let mut found = Vec::new();
        while let Some((node, here)) = stack.pop() {
            for child in tree.children(node) {
                let Some(id) = merged.known(here, tree.name(child)) else { continue };
                let this = tree.node(child);
                if this.kind() == Kind::Directory {
                    stack.push((child, id));
                }
                if this.kind() != Kind::File || this.size == 0 {
                    continue;
                }
                let by_content =
                    || tree.extra(child).filter(|_| this.flags().has(Flags::SECRET)).and_then(|e| e.secret);
                let path = tree.path(child);
                if let Some(what) = by_content().or_else(|| by_path(&path)) {
                    found.push((path, id, what, this.size));
                }
            }
        }
        crate::order::sort(&mut found);
        for (path, id, what, size) in found {
            open.push((id, out.len()));
            let path = String::from_utf8_lossy(&path).into_owned();
            let instruction = of_layer(steps, layer).map(Step::text);
            out.push(Finding { path, what, size, layer, instruction, hidden_by: None });
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::testing::{Item, file, tree};

    #[test]
    fn secrets_that_later_layers_hide_are_told_with_layer_and_instruction() {
        let layers: [&[Item<'_>]; 3] = [
            &[file("app/.env", b"A=1"), file("root/.ssh/id_rsa", b"key"), file("app/main", b"")],
            &[file("app/.env", b"A=2")],
            &[file("root/.wh..ssh", b"")],
        ];
        let trees: Vec<_> = layers.iter().map(|items| Arc::new(tree(items))).collect();
        let step = |layer, text: &str| Step {
            history: layer,
            layer: Some(layer),
            builder: crate::image::StepBuilder::Buildkit,
            instruction: "COPY".into(),
            arguments: text.into(),
            lines: None,
        };
        let found = findings(&trees, &[step(0, ". ."), step(1, "x y")]);
        let short: Vec<_> =
            found.iter().map(|f| (f.path.as_str(), f.layer, f.hidden_by, f.instruction.as_deref())).collect();
        assert_eq!(
            short,
            [
                ("app/.env", 0, Some(1), Some("COPY . .")),
                ("root/.ssh/id_rsa", 0, Some(2), Some("COPY . .")),
                ("app/.env", 1, None, Some("COPY x y")),
            ]
        );
    }
}
