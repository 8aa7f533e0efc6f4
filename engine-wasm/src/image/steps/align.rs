//! Lays an image's steps beside the Dockerfile that it may have been built from. What base images brought along has no line there, nor has
//! an instruction of which history keeps nothing.

use std::collections::BTreeSet;

use super::Step;
use crate::dockerfile::instructions::{Program, Stage};

/// More steps or instructions than this are not compared.
const MOST: usize = 2000;

/// An instruction of the stage that was built, or of one below it.
struct Line<'a> {
    name: &'static str,
    words: BTreeSet<&'a str>,
    lines: (usize, usize),
}

/// Gives each step its lines in a Dockerfile, where one fits it. `target` is the stage that was built, by name or number; the last when `None`.
pub fn align(steps: &mut [Step], program: &Program, target: Option<&str>) {
    let lines = lines(program, target);
    if lines.is_empty() || lines.len() > MOST || steps.len() > MOST {
        return;
    }
    let words: Vec<BTreeSet<&str>> = steps.iter().map(|step| words(&step.arguments)).collect();
    let score = |step: usize, line: usize| -> u32 {
        if steps[step].instruction != lines[line].name {
            return 0;
        }
        let (a, b) = (&words[step], &lines[line].words);
        let (common, all) = (a.intersection(b).count(), a.union(b).count());
        // The same instruction counts, the same words much more: variables are expanded in history, sources of COPY are digests.
        10 + u32::try_from(90 * common / all.max(1)).unwrap_or_default()
    };
    // The best alignment that keeps the order: best[i][j] is that of what lies before i and j.
    let (rows, columns) = (steps.len(), lines.len());
    let mut best = vec![0u32; (rows + 1) * (columns + 1)];
    let at = |i: usize, j: usize| i * (columns + 1) + j;
    for i in 1..=rows {
        for j in 1..=columns {
            let pair = score(i - 1, j - 1);
            let matched = if pair > 0 { best[at(i - 1, j - 1)] + pair } else { 0 };
            best[at(i, j)] = matched.max(best[at(i - 1, j)]).max(best[at(i, j - 1)]);
        }
    }
    let mut found = Vec::new();
    // From the end, since what stands above was built last; a base image's steps come first.
    let (mut i, mut j) = (rows, columns);
    while i > 0 && j > 0 {
        let pair = score(i - 1, j - 1);
        if pair > 0 && best[at(i, j)] == best[at(i - 1, j - 1)] + pair {
            found.push((i - 1, lines[j - 1].lines));
            (i, j) = (i - 1, j - 1);
        } else if best[at(i, j)] == best[at(i, j - 1)] {
            j -= 1;
        } else {
            i -= 1;
        }
    }
    for (step, lines) in found {
        steps[step].lines = Some(lines);
    }
}

fn words(text: &str) -> BTreeSet<&str> {
    let blank = |c: char| c.is_whitespace() || "=\"'[],".contains(c);
    crate::order::set(text.split(blank).filter(|word| !word.is_empty()))
}

/// The instructions of a stage, those of the stages it is made from in front.
fn lines<'a>(program: &'a Program, target: Option<&str>) -> Vec<Line<'a>> {
    let stages = &program.stages;
    let find = |name: &str, before: usize| -> Option<usize> {
        let by_name = stages[..before].iter().rposition(|stage| stage.name().eq_ignore_ascii_case(name));
        by_name.or_else(|| name.parse().ok().filter(|at| *at < before))
    };
    let mut next = match target {
        Some(name) => find(name, stages.len()),
        None => stages.len().checked_sub(1),
    };
    let mut chain: Vec<&Stage> = Vec::new();
    while let Some(at) = next {
        chain.push(&stages[at]);
        // Only a name leads to an earlier stage; `FROM 0` is an image.
        let base = &stages[at].base.text;
        next = stages[..at].iter().rposition(|stage| !base.is_empty() && stage.name().eq_ignore_ascii_case(base));
    }
    let commands = chain.into_iter().rev().flat_map(|stage| &stage.commands);
    commands
        .map(|instruction| {
            let text = instruction.original.trim_start();
            let arguments = text.split_once([' ', '\t']).map_or("", |(_, rest)| rest);
            Line { name: instruction.command.name(), words: words(arguments), lines: instruction.lines }
        })
        .collect()
}
