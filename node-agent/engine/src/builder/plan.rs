//! Which stages a target needs, and the numbers of their steps. Stages that nothing needs are not built, as in BuildKit.

use engine_wasm::dockerfile::instructions::{Command, Program, Stage};

use crate::error::{Error, Result};

/// Where `COPY --from`, `RUN --mount=from=` or `FROM` leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum From {
    /// A stage above.
    Stage(usize),
    /// Nothing: `FROM scratch`.
    Scratch,
    /// An image.
    Image(String),
}

/// What will be built.
#[derive(Debug, Clone, Default)]
pub(crate) struct Plan {
    /// The last stage.
    pub(crate) target: usize,
    /// The stages to build, in the file's order.
    pub(crate) needed: Vec<usize>,
    /// The number of each needed stage's `FROM`.
    first_step: Vec<usize>,
    /// Steps in all.
    pub(crate) total: usize,
}

impl Plan {
    /// Plans a build up to `target` (a name, a number, or nothing for the last stage). `extra` steps are added at its end.
    ///
    /// # Errors
    /// For a target that is no stage.
    pub(crate) fn new(program: &Program, target: &str, extra: usize) -> Result<Self> {
        let stages = &program.stages;
        let last = stages.len().checked_sub(1).ok_or_else(|| Error::bad("dockerfile contains no stages to build"))?;
        let target = match target {
            "" => last,
            text => stage(stages, stages.len(), text)
                .or_else(|| text.parse().ok().filter(|number| *number < stages.len()))
                .ok_or_else(|| Error::bad(format!("failed to reach build target {text} in Dockerfile")))?,
        };
        let mut wanted = vec![false; stages.len()];
        wanted[target] = true;
        for index in (0..=target).rev().filter(|index| *index < stages.len()) {
            if wanted[index] {
                for from in sources(stages, index) {
                    wanted[from] = true;
                }
            }
        }
        let needed: Vec<usize> = (0..stages.len()).filter(|index| wanted[*index]).collect();
        let mut next = program.meta_args.len() + 1;
        let mut first_step = vec![0; stages.len()];
        for index in &needed {
            first_step[*index] = next;
            next += 1 + stages[*index].commands.len();
        }
        Ok(Self { target, needed, first_step, total: next - 1 + extra })
    }

    /// The number of a stage's `FROM`; `None` for one that was not planned.
    pub(crate) fn first_step(&self, stage: usize) -> Option<usize> {
        self.first_step.get(stage).copied().filter(|number| *number > 0)
    }
}

/// The stage of this name above `before`; the last one where several have it.
fn stage(stages: &[Stage], before: usize, name: &str) -> Option<usize> {
    let name = name.to_lowercase();
    (0..before).rev().find(|index| !name.is_empty() && stages[*index].name().to_lowercase() == name)
}

/// Where the base of a stage leads, its variables expanded.
pub(crate) fn base(stages: &[Stage], index: usize, name: &str) -> From {
    match (name, stage(stages, index, name)) {
        (_, Some(stage)) => From::Stage(stage),
        ("scratch", None) => From::Scratch,
        (name, None) => From::Image(name.to_owned()),
    }
}

/// Where a `--from` in a stage leads.
///
/// # Errors
/// For a number that is no stage above.
pub(crate) fn from(stages: &[Stage], index: usize, name: &str) -> Result<From> {
    if let Some(stage) = stage(stages, index, name) {
        return Ok(From::Stage(stage));
    }
    match name.parse::<usize>() {
        Ok(number) if number < index => Ok(From::Stage(number)),
        Ok(number) if number == index => {
            Err(Error::bad(format!("invalid from flag value {name}: refers to current build stage")))
        }
        Ok(_) => Err(Error::bad(format!("invalid from flag value {name}: index out of bounds"))),
        Err(_) => Ok(From::Image(name.to_owned())),
    }
}

/// The stages that a stage names.
fn sources(stages: &[Stage], index: usize) -> Vec<usize> {
    let mut found: Vec<usize> = stage(stages, index, &stages[index].base.text).into_iter().collect();
    let mut add = |name: &str| {
        if let Ok(From::Stage(stage)) = from(stages, index, name) {
            found.push(stage);
        }
    };
    for instruction in &stages[index].commands {
        match &instruction.command {
            Command::Copy(copy) => copy.from.iter().for_each(|name| add(&name.text)),
            Command::Run(run) => {
                run.mounts.iter().filter(|mount| !mount.from.is_empty()).for_each(|mount| add(&mount.from));
            }
            _ => {}
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use engine_wasm::dockerfile::{instructions, parse};

    use super::*;

    fn plan(text: &str, target: &str) -> Result<Plan, String> {
        Plan::new(&instructions::program(&parse(text)), target, 0).map_err(|e| e.message)
    }

    const TEXT: &str = "ARG V\nFROM a AS one\nRUN x\nFROM b AS unused\nRUN y\nFROM c AS two\nCOPY --from=One /x /y\nFROM two\n\
                        COPY --from=0 /x /\nCMD z\n";

    #[test]
    fn only_what_the_target_needs_is_built() {
        let whole = plan(TEXT, "").unwrap();
        assert_eq!((whole.target, whole.needed.as_slice(), whole.total), (3, &[0, 2, 3][..], 8));
        assert_eq!([0, 1, 2, 3].map(|n| whole.first_step(n)), [Some(2), None, Some(4), Some(6)]);
        assert_eq!(plan(TEXT, "TWO").unwrap().needed, [0, 2]);
        assert_eq!(plan(TEXT, "unused").unwrap().needed, [1]);
        assert_eq!(plan(TEXT, "0").unwrap().needed, [0]);
        assert_eq!(plan(TEXT, "nope").unwrap_err(), "failed to reach build target nope in Dockerfile");
    }

    #[test]
    fn a_from_is_a_stage_above_or_an_image() {
        let program = instructions::program(&parse(TEXT));
        let lead = |name: &str| from(&program.stages, 2, name).map_err(|e| e.message);
        assert_eq!(lead("one").unwrap(), From::Stage(0));
        assert_eq!(lead("1").unwrap(), From::Stage(1));
        assert_eq!(lead("two").unwrap(), From::Image("two".into()));
        assert_eq!(lead("2").unwrap_err(), "invalid from flag value 2: refers to current build stage");
        assert_eq!(lead("3").unwrap_err(), "invalid from flag value 3: index out of bounds");
        assert_eq!(base(&program.stages, 3, "two"), From::Stage(2));
        assert_eq!(base(&program.stages, 3, "scratch"), From::Scratch);
    }
}
