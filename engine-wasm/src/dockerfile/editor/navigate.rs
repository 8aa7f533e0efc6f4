//! From a name to where it is defined and used.

use std::ops::Range;

use super::model::Model;

/// What a place names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Named {
    /// A stage, by its number.
    Stage(usize),
    /// A variable: its name, and the stages (`None`: before the first `FROM`) in which it is the same one.
    Variable(String, Vec<Option<usize>>),
}

/// Where the name at a place is defined: a stage's name after `AS` (its `FROM`, if it is named by number), a variable's in `ARG` or `ENV`.
pub fn definition(text: &str, offset: usize) -> Option<Range<usize>> {
    let model = Model::new(text);
    let (named, at) = named(&model, offset)?;
    match named {
        Named::Stage(stage) => {
            let stage = &model.stages[stage];
            Some(
                stage
                    .name
                    .as_ref()
                    .map_or_else(|| model.file.nodes[stage.nodes.start].name.span.clone(), |name| name.span.clone()),
            )
        }
        Named::Variable(name, _) => {
            if let Some(used) = model.uses.iter().find(|used| used.name == at) {
                return model.resolve(&name, used.stage, used.node).map(|variable| variable.name.span.clone());
            }
            let own = model.variables.iter().find(|variable| variable.name.span == at)?;
            // `ARG name` in a stage asks for the one before the first `FROM`.
            let global = model.variables.iter().rfind(|other| other.stage.is_none() && other.name.text == name);
            let asks = own.value.is_none() && own.stage.is_some();
            Some(global.filter(|_| asks).unwrap_or(own).name.span.clone())
        }
    }
}

/// Every place where the name at a place stands, definitions included, in order. Stages named by number count; renaming leaves those alone.
pub fn references(text: &str, offset: usize) -> Vec<Range<usize>> {
    let model = Model::new(text);
    named(&model, offset).map(|(named, _)| places(&model, &named)).unwrap_or_default()
}

/// What the name at a place means, and its span.
pub(super) fn named(model: &Model<'_>, offset: usize) -> Option<(Named, Range<usize>)> {
    let here = |span: &Range<usize>| span.start <= offset && offset <= span.end && !span.is_empty();
    let defined = model.stages.iter().position(|stage| stage.name.as_ref().is_some_and(|name| here(&name.span)));
    if let Some(stage) = defined {
        return Some((Named::Stage(stage), model.stages[stage].name.as_ref()?.span.clone()));
    }
    if let Some(used) = model.uses.iter().find(|used| here(&used.span)) {
        let name = &model.text[used.name.clone()];
        let stages = scope(model, name, used.stage);
        return Some((Named::Variable(name.to_owned(), stages), used.name.clone()));
    }
    if let Some(used) = model.stage_uses.iter().find(|used| here(&used.word.span)) {
        return Some((Named::Stage(used.stage?), used.word.span.clone()));
    }
    let variable = model.variables.iter().find(|variable| here(&variable.name.span))?;
    let stages = scope(model, &variable.name.text, variable.stage);
    Some((Named::Variable(variable.name.text.clone(), stages), variable.name.span.clone()))
}

/// The stages in which a variable is the same as in the one given: those that inherit from each other, and those that ask with `ARG` for the one before the first `FROM`.
fn scope(model: &Model<'_>, name: &str, start: Option<usize>) -> Vec<Option<usize>> {
    let asks = |stage: usize| model.variables.iter().any(|v| v.stage == Some(stage) && !v.env && v.name.text == name);
    let has = |stage: usize| model.variables.iter().any(|v| v.stage == Some(stage) && v.name.text == name);
    let is_global = model.variables.iter().any(|v| v.stage.is_none() && v.name.text == name);
    let mut found = vec![start];
    let mut next = 0;
    while let Some(&stage) = found.get(next) {
        next += 1;
        let mut linked: Vec<Option<usize>> = Vec::new();
        match stage {
            None => linked.extend((0..model.stages.len()).filter(|stage| asks(*stage)).map(Some)),
            Some(stage) => {
                if is_global && asks(stage) {
                    linked.push(None);
                }
                // Up to the stage that defines it, and down to those that inherit it.
                let parents = model.ancestry(Some(stage));
                if parents.iter().any(|parent| has(*parent)) {
                    linked.extend(model.stages[stage].parent.map(Some));
                }
                let children = (0..model.stages.len()).filter(|child| model.stages[*child].parent == Some(stage));
                linked.extend(children.map(Some));
            }
        }
        for stage in linked {
            if !found.contains(&stage) {
                found.push(stage);
            }
        }
    }
    found
}

/// Where a name stands.
pub(super) fn places(model: &Model<'_>, named: &Named) -> Vec<Range<usize>> {
    let mut out: Vec<Range<usize>> = match named {
        Named::Stage(stage) => {
            let name = model.stages[*stage].name.iter().map(|name| name.span.clone());
            name.chain(
                model.stage_uses.iter().filter(|used| used.stage == Some(*stage)).map(|used| used.word.span.clone()),
            )
            .collect()
        }
        Named::Variable(name, stages) => {
            let defined = model.variables.iter().filter(|v| v.name.text == *name && stages.contains(&v.stage));
            let used =
                model.uses.iter().filter(|used| model.text[used.name.clone()] == *name && stages.contains(&used.stage));
            defined.map(|v| v.name.span.clone()).chain(used.map(|used| used.name.clone())).collect()
        }
    };
    crate::order::sort_by_key(&mut out, |span| span.start);
    out.dedup();
    out
}
