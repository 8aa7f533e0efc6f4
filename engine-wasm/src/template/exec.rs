//! Running a parsed template over data: control flow, variables, fields (`text/template/exec.go`).
//! Calls of functions are in [`super::call`]. Depth, steps and output are bounded by [`Options`].

mod evaluate;

use super::Options;
use super::node::{Branch, Command, Invocation, Node, Operand, Pipe};
use super::parse::Trees;
use super::value::{Data, Value, sorted};
use crate::golang::printf::sprint;
use crate::golang::quote::quote;

/// How far calls, actions and parentheses may be inside one another while running.
pub(super) const MAX_DEPTH: usize = 300;

/// Where an error happens: the node that is being evaluated.
#[derive(Clone, Copy)]
pub(super) enum At<'a> {
    Nothing,
    Pipe(&'a Pipe),
    Command(&'a Command),
    Operand(&'a Operand),
    Invocation(&'a Invocation),
}

/// Why running stopped.
pub(super) enum Stop {
    Error(String),
    Break,
    Continue,
}

pub(super) type Run<T> = Result<T, Stop>;

/// The state of a run.
pub(super) struct Exec<'a> {
    pub(super) options: &'a Options,
    trees: &'a Trees,
    /// The whole text, for positions.
    source: &'a str,
    /// The name given to the whole text, for positions.
    source_name: &'a str,
    /// The definition that is running.
    current: &'a str,
    pub(super) at: At<'a>,
    variables: Vec<(&'a str, Value<'a>)>,
    depth: usize,
    steps: usize,
    out: Vec<u8>,
}

impl<'a> Exec<'a> {
    pub(super) fn run(
        source_name: &'a str,
        source: &'a str,
        trees: &'a Trees,
        options: &'a Options,
        dot: Value<'a>,
    ) -> Result<Vec<u8>, String> {
        let mut exec = Self {
            options,
            trees,
            source,
            source_name,
            current: source_name,
            at: At::Nothing,
            variables: vec![("$", dot.clone())],
            depth: 0,
            steps: 0,
            out: Vec::new(),
        };
        let Some(root) = trees.get(source_name) else {
            return Err(format!("template: {source_name}: {} is an incomplete or empty template", quote(source_name)));
        };
        match exec.walk(&dot, root) {
            Err(Stop::Error(message)) => Err(message),
            _ => Ok(exec.out),
        }
    }

    /// An error at the node in hand.
    pub(super) fn fail<T>(&self, message: impl std::fmt::Display) -> Run<T> {
        let (pos, context) = match self.at {
            At::Nothing => {
                return Err(Stop::Error(format!("template: {}: {message}", self.current)));
            }
            At::Pipe(pipe) => (pipe.pos, pipe.to_string()),
            At::Command(command) => (command.pos, command.to_string()),
            At::Operand(operand) => (operand.pos, operand.to_string()),
            At::Invocation(invocation) => (invocation.pos, invocation.to_string()),
        };
        let before = self.source.as_bytes().get(..pos).unwrap_or_default();
        let line = 1 + before.iter().filter(|b| **b == b'\n').count();
        let column = before.iter().rev().take_while(|b| **b != b'\n').count();
        Err(Stop::Error(format!(
            "template: {}:{line}:{column}: executing {} at <{context}>: {message}",
            self.source_name,
            quote(self.current)
        )))
    }

    fn step(&mut self) -> Run<()> {
        self.steps += 1;
        if self.steps > self.options.max_steps {
            self.fail(format_args!("exceeded maximum number of steps ({})", self.options.max_steps))
        } else {
            Ok(())
        }
    }

    fn deeper(&mut self) -> Run<()> {
        if self.depth >= MAX_DEPTH {
            return self.fail(format_args!("exceeded maximum template depth ({MAX_DEPTH})"));
        }
        self.depth += 1;
        Ok(())
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> Run<()> {
        if self.out.len() + bytes.len() > self.options.max_output {
            return self.too_long();
        }
        self.out.extend_from_slice(bytes);
        Ok(())
    }

    pub(super) fn too_long<T>(&self) -> Run<T> {
        self.fail(format_args!("output is longer than {} bytes", self.options.max_output))
    }

    fn walk(&mut self, dot: &Value<'a>, list: &'a [Node]) -> Run<()> {
        for node in list {
            self.step()?;
            match node {
                Node::Text(text) => self.write(text.as_bytes())?,
                Node::Action(pipe) => {
                    let value = self.pipeline(dot, pipe)?;
                    if pipe.variables.is_empty() {
                        self.at = At::Pipe(pipe);
                        self.print(&value)?;
                    }
                }
                Node::If(branch) => self.branch(dot, branch, false)?,
                Node::With(branch) => self.branch(dot, branch, true)?,
                Node::Range(branch) => self.range(dot, branch)?,
                Node::Template(invocation) => self.invoke(dot, invocation)?,
                Node::Break => return Err(Stop::Break),
                Node::Continue => return Err(Stop::Continue),
            }
        }
        Ok(())
    }

    fn print(&mut self, value: &Value<'a>) -> Run<()> {
        if !value.is_valid() {
            return self.write(b"<no value>");
        }
        let limit = self.options.max_output - self.out.len();
        match sprint(&[value.to_arg(self.options)], limit) {
            Ok(text) => self.write(&text),
            Err(_) => self.too_long(),
        }
    }

    fn branch(&mut self, dot: &Value<'a>, branch: &'a Branch, with: bool) -> Run<()> {
        let mark = self.variables.len();
        self.deeper()?;
        let value = self.pipeline(dot, &branch.pipe)?;
        let done = if value.truth() {
            self.walk(if with { &value } else { dot }, &branch.list)
        } else {
            branch.other.as_ref().map_or(Ok(()), |list| self.walk(dot, list))
        };
        self.depth -= 1;
        self.variables.truncate(mark);
        done
    }

    fn range(&mut self, dot: &Value<'a>, branch: &'a Branch) -> Run<()> {
        let outer = self.variables.len();
        self.deeper()?;
        let value = self.pipeline(dot, &branch.pipe)?;
        let options = self.options;
        let empty;
        let done = match &value.data {
            Data::Nil | Data::Pointer => {
                empty = true;
                Ok(())
            }
            Data::Int(..) | Data::Uint(..) => {
                if branch.pipe.variables.len() > 1 {
                    let shown = self.shown(&value, "%v")?;
                    return self.fail(format_args!("can't use {shown} to iterate over more than one variable"));
                }
                let (count, name) = match value.data {
                    Data::Int(n, name) => (u64::try_from(n).unwrap_or(0), name),
                    Data::Uint(n, name) => (n, name),
                    _ => (0, "int"),
                };
                empty = count == 0;
                self.iterate(
                    branch,
                    (0..count).map(|i| {
                        (
                            Value::INVALID,
                            if name.starts_with('u') {
                                Data::Uint(i, name).into()
                            } else {
                                Data::Int(i as i64, name).into()
                            },
                        )
                    }),
                )
            }
            Data::List(list) => {
                empty = list.is_empty();
                self.iterate(
                    branch,
                    list.iter().enumerate().map(|(i, json)| (Value::int(i as i64), Value::element(json, options))),
                )
            }
            Data::Strings(list) => {
                empty = list.is_empty();
                self.iterate(
                    branch,
                    list.iter().enumerate().map(|(i, s)| (Value::int(i as i64), Value::string(s.to_vec()))),
                )
            }
            Data::Map(map) => {
                empty = map.is_empty();
                let entries = sorted(map);
                self.iterate(
                    branch,
                    entries
                        .into_iter()
                        .map(|(key, json)| (Data::Bytes(key.as_bytes().into()).into(), Value::element(json, options))),
                )
            }
            _ => {
                let shown = self.shown(&value, "%v")?;
                return self.fail(format_args!("range can't iterate over {shown}"));
            }
        };
        let done = match done {
            // Only the bodies of this range are left by its breaks; the pipeline has none.
            Err(Stop::Break) => Ok(()),
            Ok(()) if empty => branch.other.as_ref().map_or(Ok(()), |list| self.walk(dot, list)),
            done => done,
        };
        self.depth -= 1;
        self.variables.truncate(outer);
        done
    }

    fn iterate(&mut self, branch: &'a Branch, items: impl Iterator<Item = (Value<'a>, Value<'a>)>) -> Run<()> {
        let mark = self.variables.len();
        let depth = self.depth;
        let names = &branch.pipe.variables;
        for (index, element) in items {
            self.step()?;
            match (names.as_slice(), branch.pipe.assign) {
                ([], _) => {}
                ([only], true) => self.set(only, element.clone())?,
                ([first, second, ..], true) => {
                    self.set(first, index)?;
                    self.set(second, element.clone())?;
                }
                (names, false) => {
                    // The pipeline has declared them; the last one declared is the element.
                    if let Some(last) = mark.checked_sub(1).and_then(|at| self.variables.get_mut(at)) {
                        last.1 = element.clone();
                    }
                    if names.len() > 1
                        && let Some(first) = mark.checked_sub(2).and_then(|at| self.variables.get_mut(at))
                    {
                        first.1 = index;
                    }
                }
            }
            match self.walk(&element, &branch.list) {
                Ok(()) => {}
                Err(Stop::Continue) => self.depth = depth,
                Err(stop) => {
                    self.depth = depth;
                    self.variables.truncate(mark);
                    return Err(stop);
                }
            }
            self.variables.truncate(mark);
        }
        Ok(())
    }

    fn invoke(&mut self, dot: &Value<'a>, invocation: &'a Invocation) -> Run<()> {
        self.at = At::Invocation(invocation);
        let Some((name, list)) = self.trees.get_key_value(&invocation.name) else {
            return self.fail(format_args!("template {} not defined", quote(&invocation.name)));
        };
        // Room is left for the pipeline, so that the limit is met here, where Go meets its own.
        if self.depth + 10 > MAX_DEPTH {
            return self.fail(format_args!("exceeded maximum template depth ({MAX_DEPTH})"));
        }
        self.deeper()?;
        let dot = match &invocation.pipe {
            Some(pipe) => self.pipeline(dot, pipe)?,
            None => Value::INVALID,
        };
        let variables = std::mem::replace(&mut self.variables, vec![("$", dot.clone())]);
        let current = std::mem::replace(&mut self.current, name);
        let at = self.at;
        self.walk(&dot, list)?;
        self.at = at;
        self.current = current;
        self.variables = variables;
        self.depth -= 1;
        Ok(())
    }

    fn set(&mut self, name: &str, value: Value<'a>) -> Run<()> {
        match self.variables.iter_mut().rev().find(|(known, _)| *known == name) {
            Some(variable) => {
                variable.1 = value;
                Ok(())
            }
            None => self.fail(format_args!("undefined variable: {name}")),
        }
    }
}
