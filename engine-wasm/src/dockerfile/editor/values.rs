//! What variables hold at a place, as far as the file alone tells.

use std::collections::BTreeMap;

use super::model::Model;
use crate::dockerfile::shell::{Env, Lexer};

/// Arguments that the builder sets itself (Dockerfile reference, "Automatic platform ARGs in the global scope"), with what they hold.
pub(super) const PLATFORM_ARGS: [(&str, &str); 11] = [
    ("TARGETPLATFORM", "the platform that is built for, such as `linux/amd64`"),
    ("TARGETOS", "the operating system of the platform that is built for"),
    ("TARGETARCH", "the architecture of the platform that is built for"),
    ("TARGETOSVERSION", "the version of the operating system that is built for, where it has one"),
    ("TARGETVARIANT", "the variant of the architecture that is built for, such as `v7`"),
    ("BUILDPLATFORM", "the platform that the build runs on"),
    ("BUILDOS", "the operating system that the build runs on"),
    ("BUILDOSVERSION", "the version of the operating system that the build runs on, where it has one"),
    ("BUILDARCH", "the architecture that the build runs on"),
    ("BUILDVARIANT", "the variant of the architecture that the build runs on"),
    ("TARGETSTAGE", "the name of the stage that is built"),
];

/// Arguments that need no `ARG` (Dockerfile reference, "Predefined ARGs").
pub(super) use crate::dockerfile::expand::PROXY_ARGS;

/// Whether the builder gives the name a meaning. `PATH` has a value in every image, which `ENV PATH=$PATH:…` goes on from.
pub(super) fn is_predefined(name: &str) -> bool {
    matches!(name, "PATH" | "SOURCE_DATE_EPOCH")
        || name.starts_with("BUILDKIT_")
        || PROXY_ARGS.contains(&name)
        || PLATFORM_ARGS.iter().any(|(platform, _)| *platform == name)
}

/// The variables in force: `ENV` hides `ARG`.
#[derive(Default, Clone)]
struct Scope {
    args: BTreeMap<String, Option<String>>,
    env: BTreeMap<String, Option<String>>,
}

impl Env for Scope {
    fn get(&self, name: &str) -> Option<String> {
        self.env.get(name).or_else(|| self.args.get(name)).cloned().flatten()
    }
}

/// The value of a variable where instruction `node` of a stage begins; `None` when only the build tells.
pub(super) fn value(model: &Model<'_>, name: &str, stage: Option<usize>, node: usize) -> Option<String> {
    let lexer = Lexer::new(model.file.escape);
    let mut global = Scope::default();
    let mut stages = model.ancestry(stage);
    stages.reverse();
    let steps = std::iter::once(None).chain(stages.iter().map(|stage| Some(*stage)));
    let mut scope = Scope::default();
    for step in steps {
        for variable in model.variables.iter().filter(|variable| variable.stage == step) {
            if (step == stage || step.is_none()) && variable.node >= node {
                continue;
            }
            let target = if step.is_none() { &mut global } else { &mut scope };
            let value = match &variable.value {
                // What depends on something unknown is unknown.
                Some(word) => lexer
                    .word(&word.text, target)
                    .ok()
                    .filter(|found| found.unmatched.is_empty())
                    .map(|found| found.text),
                None => None,
            };
            let inherited = || global.args.get(&variable.name.text).cloned().flatten();
            let (name, env) = (variable.name.text.clone(), variable.env);
            let value = if value.is_none() && variable.value.is_none() && step.is_some() { inherited() } else { value };
            let target = if step.is_none() { &mut global } else { &mut scope };
            if env { &mut target.env } else { &mut target.args }.insert(name, value);
        }
    }
    if stage.is_none() { global.get(name) } else { scope.get(name) }
}
