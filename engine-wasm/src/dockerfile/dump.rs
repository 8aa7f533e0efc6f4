//! The syntax tree as s-expressions, one line a node: what BuildKit's `parser/dumper` prints and its test results hold.

use super::{Dockerfile, Node};
use crate::golang::quote::quote;

impl Dockerfile {
    /// All instructions, a line each, without a line end after the last.
    pub fn dump(&self) -> String {
        let lines: Vec<String> = self.nodes.iter().map(|node| format!("({})", node.dump())).collect();
        lines.join("\n")
    }
}

impl Node {
    /// The instruction without the parentheses around it: `run "echo hi"`.
    pub fn dump(&self) -> String {
        let mut out = crate::golang::case::lower(&self.name.text);
        if !self.flags.is_empty() {
            let flags: Vec<String> = self.flags.iter().map(|flag| quote(&flag.text)).collect();
            out.push_str(&format!(" [{}]", flags.join(" ")));
        }
        if let Some(child) = &self.child {
            out.push_str(&format!(" ({})", child.dump()));
        }
        for arg in &self.args {
            out.push(' ');
            out.push_str(&quote(&arg.text));
        }
        out.trim().to_owned()
    }
}
