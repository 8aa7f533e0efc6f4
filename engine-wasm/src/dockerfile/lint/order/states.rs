//! Stages and images as states of a build, and what each needs of others.

use std::collections::{BTreeMap, BTreeSet};

use super::super::super::expand::{Platform, StageScope};
use super::super::super::instructions::{Command, Stage, lower};
use super::super::super::shell::{Lexer, NoEnv};
use super::super::ImageFacts;
use super::super::run::Place;

/// A stage or an image that something is copied or mounted from.
pub(super) struct State<'a> {
    /// The stage; none for an image.
    pub(super) stage: Option<&'a Stage>,
    /// The image, expanded.
    pub(super) base_name: String,
    /// Which state it begins from.
    pub(super) base: Option<usize>,
    /// Where its `FROM`, or the instruction that names the image, stands; none for an image of a mount.
    pub(super) place: Option<Place>,
    pub(super) platform: Option<Platform>,
    pub(super) work: Vec<Work<'a>>,
    /// Which states it needs, and for which instruction.
    pub(super) needs: BTreeMap<usize, Place>,
    pub(super) onbuild_done: bool,
    pub(super) image: ImageFacts,
    /// Whether it has been gone through.
    pub(super) dispatched: bool,
    pub(super) scope: StageScope,
    pub(super) shell: bool,
    pub(super) workdir_set: bool,
    pub(super) workdir: String,
}

/// An instruction to go through.
#[derive(Clone)]
pub(super) struct Work<'a> {
    pub(super) command: std::borrow::Cow<'a, Command>,
    /// The name as written.
    pub(super) name: &'a str,
    pub(super) place: Place,
    /// Its node, for comments above it; none for a trigger.
    pub(super) node: Option<usize>,
    /// What it copies or mounts from.
    pub(super) sources: Vec<usize>,
}

/// All states.
pub(super) struct States<'a> {
    pub(super) all: Vec<State<'a>>,
    pub(super) by_name: BTreeMap<String, usize>,
}

impl<'a> States<'a> {
    /// The name a message calls a state by.
    pub(super) fn name(&self, index: usize) -> String {
        match self.all[index].stage {
            Some(_) if self.all.len() == 1 => String::new(),
            Some(stage) if !stage.name().is_empty() => stage.name().to_owned(),
            Some(_) => format!("stage-{index}"),
            None => String::new(),
        }
    }

    pub(super) fn find(&self, name: &str) -> Option<usize> {
        self.by_name.get(&lower(name)).copied()
    }

    pub(super) fn add(
        &mut self,
        stage: Option<&'a Stage>,
        base_name: String,
        platform: Option<Platform>,
        place: Option<Place>,
    ) -> usize {
        let index = self.all.len();
        self.all.push(State {
            base: self.by_name.get(&base_name).copied(),
            stage,
            base_name,
            place,
            platform,
            work: Vec::new(),
            needs: BTreeMap::new(),
            onbuild_done: false,
            image: ImageFacts::default(),
            dispatched: false,
            scope: StageScope::default(),
            shell: false,
            workdir_set: false,
            workdir: String::new(),
        });
        if let Some(name) = stage.map(Stage::name).filter(|name| !name.is_empty()) {
            self.by_name.insert(name.to_owned(), index);
        }
        index
    }

    /// A state and all that it needs.
    pub(super) fn reachable(&self, target: usize) -> BTreeSet<usize> {
        let mut seen = BTreeSet::new();
        let mut todo = vec![target];
        while let Some(index) = todo.pop() {
            if seen.insert(index) {
                todo.extend(self.all[index].base);
                todo.extend(self.all[index].needs.keys());
            }
        }
        seen
    }

    /// Which states an instruction takes files from; images it names become states.
    pub(super) fn sources(&mut self, command: &Command, place: &Place, escape: char) -> Result<Vec<usize>, String> {
        match command {
            Command::Copy(copy) => {
                let Some(from) = &copy.from else { return Ok(Vec::new()) };
                let expanded = Lexer::new(escape).word(&from.text, &NoEnv).map_err(|error| error.to_string())?;
                if expanded.text != from.text {
                    return Err("variable expansion is not supported for --from, define a new stage with FROM using ARG from global scope as a workaround".to_owned());
                }
                let digits = from.text.strip_prefix(['+', '-']).unwrap_or(&from.text);
                let number: Option<i64> = (!digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()))
                    .then(|| from.text.parse().ok())
                    .flatten();
                if let Some(number) = number {
                    let index = usize::try_from(number).ok().filter(|index| *index < self.all.len());
                    return index.map(|index| vec![index]).ok_or_else(|| format!("invalid stage index {number}"));
                }
                let found = self.find(&from.text);
                Ok(vec![found.unwrap_or_else(|| self.add(None, from.text.clone(), None, Some(place.clone())))])
            }
            Command::Run(run) => {
                let mut sources = Vec::with_capacity(run.mounts.len());
                // All are looked for before any is added.
                let known: Vec<Option<usize>> =
                    run.mounts.iter().map(|mount| self.find(from_or_scratch(&mount.from))).collect();
                for (mount, known) in run.mounts.iter().zip(known) {
                    let name = from_or_scratch(&mount.from);
                    sources.push(known.unwrap_or_else(|| self.add(None, name.to_owned(), None, None)));
                }
                Ok(sources)
            }
            _ => Ok(Vec::new()),
        }
    }

    pub(super) fn need(&mut self, index: usize, work: &Work<'_>) {
        for source in &work.sources {
            self.all[index].needs.insert(*source, work.place.clone());
        }
    }

    /// The first circle of stages that need each other: the stage it was found from, and the instructions on the way.
    pub(super) fn circle(&self) -> Option<(usize, Vec<Place>)> {
        let mut visited = BTreeSet::new();
        for start in 0..self.all.len() {
            // A path of states, each with those it needs that were not followed yet.
            let mut path: Vec<(usize, Vec<(usize, Place)>)> = Vec::new();
            let mut places: Vec<Place> = Vec::new();
            let needs = |index: usize| -> Vec<(usize, Place)> {
                self.all[index].needs.iter().rev().map(|(need, place)| (*need, place.clone())).collect()
            };
            if visited.insert(start) {
                path.push((start, needs(start)));
            }
            while let Some((_, rest)) = path.last_mut() {
                let Some((next, place)) = rest.pop() else {
                    path.pop();
                    places.pop();
                    continue;
                };
                if path.iter().any(|(index, _)| *index == next) {
                    places.push(place);
                    return Some((start, places));
                }
                if visited.insert(next) {
                    places.push(place);
                    path.push((next, needs(next)));
                }
            }
        }
        None
    }
}

fn from_or_scratch(from: &str) -> &str {
    if from.is_empty() { "scratch" } else { from }
}
