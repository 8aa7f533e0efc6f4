//! Stages in order: what each begins with, what it needs of others, and what its instructions do (`dockerfile2llb/convert.go`).

use std::collections::{BTreeMap, BTreeSet};

use super::super::expand::{self, Base, Globals, StageScope};
use super::super::instructions::{self, Command, Stage, closest};
use super::rules;
use super::run::{Check, Place, at};
use super::{Config, ImageFacts};
use crate::golang::quote::quote;
use crate::reference;

mod dispatch;
mod states;

use states::{State, States, Work};

/// Several places as one: from the first line to the last.
fn around(places: &[Place]) -> Option<Place> {
    let first = places.iter().min_by_key(|place| place.lines.0)?;
    let last = places.iter().max_by_key(|place| place.lines.1)?;
    Some(Place { span: first.span.start..last.span.end, lines: (first.lines.0, last.lines.1) })
}

impl<'a> Check<'a> {
    /// Goes through all stages.
    pub(super) fn walk(&mut self, globals: &Globals) -> Option<()> {
        let mut states = States { all: Vec::new(), by_name: BTreeMap::new() };
        for stage in &self.program.stages {
            self.begin(globals, &mut states, stage)?;
        }
        let Some(last) = states.all.len().checked_sub(1) else { return Some(()) };
        let target = match self.build.target.as_str() {
            "" => last,
            name => match states.find(name) {
                Some(target) => target,
                None => {
                    let names: Vec<String> = (0..states.all.len())
                        .map(|index| match states.name(index) {
                            name if name.is_empty() => "stage-0".to_owned(),
                            name => name,
                        })
                        .collect();
                    let near = closest(name, names.iter().map(String::as_str));
                    let message = format!("target stage {} could not be found", quote(name));
                    self.fail(instructions::with_suggestion(&message, near), None)?;
                    last
                }
            },
        };
        self.find_sources(&mut states)?;
        let reachable = self.resolve(&mut states, target)?;
        for index in 0..states.all.len() {
            // Without a target, all stages are checked.
            if self.build.target.is_empty() || reachable.contains(&index) {
                self.stage(globals, &mut states, index)?;
            }
        }
        Some(())
    }

    fn begin(&mut self, globals: &Globals, states: &mut States<'a>, stage: &'a Stage) -> Option<()> {
        let config = self.config_for(stage.node);
        let place = Place { span: stage.span.clone(), lines: stage.lines };
        let base: Base = globals.base(stage);
        self.undeclared(&config, globals, &base.name_unset, &at(&stage.base, stage.lines));
        let name = match base.name {
            Ok(name) => name,
            Err(fault) => {
                self.fail(fault.to_string(), Some(place.clone()))?;
                String::new()
            }
        };
        let mut platform = None;
        if let (Some(found), Some(written)) = (base.platform, &stage.platform) {
            let word = at(written, stage.lines);
            self.undeclared(&config, globals, &found.unset, &word);
            if found.set.len() == 1
                && found.unset.is_empty()
                && found.set.contains("TARGETPLATFORM")
                && globals.scope.get("TARGETPLATFORM") == Some(&found.text)
            {
                let message = format!(
                    "Setting platform to predefined {} in FROM is redundant as this is the default behavior",
                    written.text
                );
                self.warn(&config, &rules::REDUNDANT_TARGET_PLATFORM, word.clone(), message);
            }
            if found.set.is_empty()
                && found.unset.is_empty()
                && let Ok(platform) = &found.platform
                && !stage.name().contains(&platform.os)
                && !stage.name().contains(&platform.architecture)
            {
                let message = format!("FROM --platform flag should not use constant value {}", quote(&found.text));
                self.warn(&config, &rules::FROM_PLATFORM_FLAG_CONST_DISALLOWED, word, message);
            }
            match found.platform {
                Ok(found) => platform = Some(found),
                Err(fault) => self.fail(fault.to_string(), Some(place.clone()))?,
            }
        }
        let index = states.add(Some(stage), name, platform, Some(place));
        states.all[index].work = stage
            .commands
            .iter()
            .map(|command| Work {
                command: std::borrow::Cow::Borrowed(&command.command),
                name: &self.file.nodes[command.node].name.text,
                place: Place { span: command.span.clone(), lines: command.lines },
                node: Some(command.node),
                sources: Vec::new(),
            })
            .collect();
        Some(())
    }

    fn undeclared(&mut self, config: &Config, globals: &Globals, unset: &BTreeSet<String>, place: &Place) {
        for name in unset {
            if globals.declared.contains(name) {
                continue;
            }
            let options = || globals.declared.iter().map(String::as_str).chain(globals.scope.names());
            let compares = self.compares(options().count());
            let near = if compares { closest(name, crate::order::set(options())) } else { None };
            let message = instructions::with_suggestion(&format!("FROM argument '{name}' is not declared"), near);
            let place = self.variable(name, place);
            self.warn(config, &rules::UNDEFINED_ARG_IN_FROM, place, message);
        }
    }

    fn find_sources(&mut self, states: &mut States<'a>) -> Option<()> {
        let mut index = 0;
        while index < states.all.len() {
            for at in 0..states.all[index].work.len() {
                let work = states.all[index].work[at].clone();
                match states.sources(&work.command, &work.place, self.file.escape) {
                    Ok(sources) => {
                        let work = Work { sources, ..work };
                        states.need(index, &work);
                        states.all[index].work[at] = work;
                    }
                    // BuildKit gives no place.
                    Err(message) => self.fail(message, self.options.go_on.then(|| work.place.clone()))?,
                }
            }
            index += 1;
        }
        if let Some((stage, places)) = states.circle() {
            let name = match states.all[stage].stage {
                Some(found) if found.name().is_empty() => format!("stage-{stage}"),
                Some(found) => found.name().to_owned(),
                None => String::new(),
            };
            let end = self.fail(format!("circular dependency detected on stage: {name}"), around(&places));
            if let Some(problem) = self.report.errors.last_mut() {
                problem.parts = places.iter().map(|place| place.lines).collect();
                crate::order::sort(&mut problem.parts);
                problem.parts.dedup();
            }
            end?;
        }
        Some(())
    }

    /// Base images and triggers, until no trigger needs anything new. Gives what the target needs.
    fn resolve(&mut self, states: &mut States<'a>, target: usize) -> Option<BTreeSet<usize>> {
        let mut resolved = 0;
        loop {
            let reachable = states.reachable(target);
            while resolved < states.all.len() {
                self.image(states, resolved, self.build.target.is_empty() || reachable.contains(&resolved))?;
                resolved += 1;
            }
            let mut more = false;
            for &index in &reachable {
                if std::mem::replace(&mut states.all[index].onbuild_done, true) {
                    continue;
                }
                let mut triggers = std::mem::take(&mut states.all[index].image.onbuild);
                if let Some(base) = states.all[index].base {
                    triggers.extend(states.all[base].work.iter().filter_map(|work| match &*work.command {
                        Command::Onbuild(onbuild) => Some(onbuild.expression.clone()),
                        _ => None,
                    }));
                }
                if !triggers.is_empty() {
                    more |= self.triggers(states, index, &triggers)?;
                }
            }
            if !more {
                return Some(reachable);
            }
        }
    }

    /// Looks up the image that a state begins from.
    fn image(&mut self, states: &mut States<'a>, index: usize, wanted: bool) -> Option<()> {
        let State { base: None, stage, base_name, place, platform, .. } = &states.all[index] else { return Some(()) };
        let is_image = stage.is_none();
        if base_name == "scratch" {
            let state = &mut states.all[index];
            state.platform = Some(self.build.target_platform.clone());
            state.dispatched = is_image;
            return Some(());
        }
        if base_name.is_empty() && self.options.go_on {
            return Some(());
        }
        let (name, place) = (base_name.clone(), place.clone());
        let platform = platform.clone().unwrap_or_else(|| self.build.target_platform.clone());
        match reference::parse_normalized(&name) {
            Err(error) => {
                self.fail(format!("failed to parse stage name {}: {error}", quote(&name)), place)?;
            }
            Ok(found) if wanted => {
                let found = found.with_default_tag().to_string();
                if let Some(facts) = self.options.facts.and_then(|facts| facts.image(&found, &platform)) {
                    if let (Some(actual), Some(place)) = (&facts.platform, place)
                        && (actual.os != platform.os || actual.architecture != platform.architecture)
                    {
                        let (expected, actual) = (platform.normalized().to_string(), actual.normalized().to_string());
                        let message = format!(
                            "Base image {name} was pulled with platform {}, expected {} for current build",
                            quote(actual),
                            quote(expected)
                        );
                        let config = self.config.clone();
                        self.warn(&config, &rules::INVALID_BASE_IMAGE_PLATFORM, place, message);
                    }
                    states.all[index].image = facts;
                }
            }
            Ok(_) => {}
        }
        let state = &mut states.all[index];
        state.platform = Some(platform);
        state.dispatched = is_image;
        Some(())
    }

    /// Puts triggers in front of a stage's instructions; says whether they need other states.
    fn triggers(&mut self, states: &mut States<'a>, index: usize, triggers: &[String]) -> Option<bool> {
        let place = states.all[index].place.clone().unwrap_or_default();
        let mut work = Vec::with_capacity(triggers.len());
        let mut more = false;
        for trigger in triggers {
            match self.trigger(states, trigger, &place) {
                Ok(found) => {
                    more |= !found.sources.is_empty();
                    states.need(index, &found);
                    work.push(found);
                }
                Err(message) => self.fail(message, Some(place.clone()))?,
            }
        }
        work.append(&mut states.all[index].work);
        states.all[index].work = work;
        Some(more)
    }

    fn trigger(&self, states: &mut States<'a>, trigger: &str, place: &Place) -> Result<Work<'a>, String> {
        let file = super::super::parse(trigger);
        if let Some(error) = file.errors.first() {
            return Err(error.to_string());
        }
        let [node] = file.nodes.as_slice() else {
            return Err("onbuild trigger should be a single expression".to_owned());
        };
        let command = instructions::command(node).map_err(|fault| fault.to_string())?;
        let sources = states.sources(&command, place, self.file.escape)?;
        Ok(Work {
            name: name_of(&node.name.text, &command),
            command: std::borrow::Cow::Owned(command),
            place: place.clone(),
            node: None,
            sources,
        })
    }
}

/// A trigger's name as written, if it is all in one case.
fn name_of(written: &str, command: &Command) -> &'static str {
    const LOWER: [(&str, &str); 7] = [
        ("CMD", "cmd"),
        ("COPY", "copy"),
        ("ADD", "add"),
        ("ENTRYPOINT", "entrypoint"),
        ("ENV", "env"),
        ("HEALTHCHECK", "healthcheck"),
        ("LABEL", "label"),
    ];
    let name = command.name();
    LOWER.into_iter().find(|(upper, lower)| *upper == name && *lower == written).map_or(name, |(_, lower)| lower)
}

/// The begin of a stage's variables, from its image.
fn image_scope(image: &ImageFacts, os: &str) -> StageScope {
    let has_path = image.env.iter().any(|entry| entry.split('=').next() == Some("PATH"));
    let path = format!("PATH={}", expand::DEFAULT_PATH);
    let more = (!has_path && os != "windows").then_some(path.as_str());
    StageScope::from_image(image.env.iter().map(String::as_str).chain(more))
}
