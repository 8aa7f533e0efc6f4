//! Running a parsed template over data: control flow, variables, fields (`text/template/exec.go`).
//! Calls of functions are in [`super::call`]. Depth, steps and output are bounded by [`Options`].

use serde_json::Value as Json;

use super::node::{Branch, Command, Expr, Invocation, Node, Operand, Pipe};
use super::parse::Trees;
use super::value::{Data, Value, sorted};
use super::{MissingKey, Options, PLAIN_MAP, STRUCT_FIELDS, STRUCT_TYPE};
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
            Data::Nil => {
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

    pub(super) fn pipeline(&mut self, dot: &Value<'a>, pipe: &'a Pipe) -> Run<Value<'a>> {
        self.at = At::Pipe(pipe);
        self.deeper()?;
        let mut value: Option<Value<'a>> = None;
        for command in &pipe.commands {
            value = Some(self.command(dot, command, value)?.unwrapped());
        }
        let value = value.unwrap_or(Value::INVALID);
        for name in &pipe.variables {
            if pipe.assign {
                self.set(name, value.clone())?;
            } else {
                self.variables.push((name, value.clone()));
            }
        }
        self.depth -= 1;
        Ok(value)
    }

    fn not_a_function(&self, command: &Command, piped: Option<&Value<'a>>) -> Run<()> {
        match command.args.first() {
            Some(first) if command.args.len() > 1 || piped.is_some() => {
                self.fail(format_args!("can't give argument to non-function {first}"))
            }
            _ => Ok(()),
        }
    }

    fn command(&mut self, dot: &Value<'a>, command: &'a Command, piped: Option<Value<'a>>) -> Run<Value<'a>> {
        let Some(first) = command.args.first() else {
            return Ok(Value::INVALID);
        };
        let has_args = command.args.len() > 1 || piped.is_some();
        match &first.expr {
            Expr::Identifier(name) => {
                self.at = At::Operand(first);
                return self.call(dot, At::Command(command), name, &command.args[1..], piped);
            }
            Expr::Pipe(pipe) => {
                self.not_a_function(command, piped.as_ref())?;
                return self.pipeline(dot, pipe);
            }
            Expr::Field(_) | Expr::Chain(..) => return self.operand(dot, first, has_args),
            Expr::Variable(names) => {
                let value = self.operand(dot, first, has_args)?;
                if names.len() == 1 {
                    self.not_a_function(command, piped.as_ref())?;
                }
                return Ok(value);
            }
            _ => {}
        }
        self.at = At::Operand(first);
        self.not_a_function(command, piped.as_ref())?;
        if let Expr::Nil = first.expr {
            return self.fail("nil is not a command");
        }
        self.operand(dot, first, false)
    }

    /// The value of an operand; `has_args` when a command gives it arguments, which a field cannot take.
    pub(super) fn operand(&mut self, dot: &Value<'a>, operand: &'a Operand, has_args: bool) -> Run<Value<'a>> {
        self.at = At::Operand(operand);
        match &operand.expr {
            Expr::Bool(b) => Ok(Value::bool(*b)),
            Expr::Dot => Ok(dot.clone()),
            Expr::Nil => Ok(Value::NIL),
            Expr::Number(number) => {
                let text = &number.text;
                let hex_int =
                    text.len() > 2 && (text.starts_with("0x") || text.starts_with("0X")) && !text.contains(['p', 'P']);
                if let Some((re, im)) = number.complex {
                    return Ok(Data::Complex(re, im).into());
                }
                match (number.float, number.int) {
                    (Some(float), _)
                        if !hex_int && !text.starts_with('\'') && text.contains(['.', 'e', 'E', 'p', 'P']) =>
                    {
                        Ok(Data::Float(float).into())
                    }
                    (_, Some(n)) => Ok(Value::int(n)),
                    _ => self.fail(format_args!("{text} overflows int")),
                }
            }
            Expr::String { text, .. } => Ok(Data::Bytes(text.as_slice().into()).into()),
            Expr::Field(names) => self.fields(dot.clone(), names, has_args),
            Expr::Variable(names) => {
                let Some((name, fields)) = names.split_first() else {
                    return Ok(Value::INVALID);
                };
                match self.variables.iter().rev().find(|(known, _)| known == name) {
                    Some((_, value)) => {
                        let value = value.clone();
                        self.fields(value, fields, has_args)
                    }
                    None => self.fail(format_args!("undefined variable: {name}")),
                }
            }
            Expr::Identifier(name) => self.call(dot, At::Operand(operand), name, &[], None),
            Expr::Chain(node, names) => {
                if let Expr::Nil = node.expr {
                    return self.fail(format_args!("indirection through explicit nil in {operand}"));
                }
                let value = self.operand(dot, node, false)?;
                self.fields(value, names, has_args)
            }
            Expr::Pipe(pipe) => self.pipeline(dot, pipe),
        }
    }

    fn fields(&mut self, mut value: Value<'a>, names: &[String], has_args: bool) -> Run<Value<'a>> {
        for (i, name) in names.iter().enumerate() {
            value = self.field(value, name, has_args && i + 1 == names.len())?;
        }
        Ok(value)
    }

    fn field(&mut self, receiver: Value<'a>, name: &str, has_args: bool) -> Run<Value<'a>> {
        if !receiver.is_valid() {
            if self.options.missing_key == MissingKey::Error {
                return self.fail(format_args!("nil data; no entry for key {}", quote(name)));
            }
            return Ok(Value::INVALID);
        }
        let map = match receiver.data {
            Data::Nil => {
                return self.fail(format_args!("nil pointer evaluating {}.{name}", receiver.type_name()));
            }
            Data::Map(map) => map,
            _ => {
                return self.fail(format_args!("can't evaluate field {name} in type {}", receiver.type_name()));
            }
        };
        if let (Some(kind), Some(fields)) = (map.get(STRUCT_TYPE), map.get(STRUCT_FIELDS)) {
            return match fields.get(name) {
                Some(_) if has_args => {
                    self.fail(format_args!("{name} has arguments but cannot be invoked as function"))
                }
                // What stands in a structure stands in no interface, unless it is nil.
                Some(Json::Null) => Ok(Value::NIL),
                Some(json) => Ok(Value::element(json, self.options).unwrapped()),
                None => {
                    let kind = kind.as_str().unwrap_or_default();
                    self.fail(format_args!("can't evaluate field {name} in type {kind}"))
                }
            };
        }
        let root_type = self.options.root_type.as_deref().filter(|_| !receiver.in_interface);
        if has_args {
            return match root_type {
                Some(_) => self.fail(format_args!("{name} has arguments but cannot be invoked as function")),
                None => self.fail(format_args!("{name} is not a method but has arguments")),
            };
        }
        match (map.get(name), self.options.missing_key) {
            (Some(json), _) => Ok(Value::element(json, self.options)),
            (None, _) if root_type.is_some() => {
                self.fail(format_args!("can't evaluate field {name} in type {}", root_type.unwrap_or_default()))
            }
            (None, MissingKey::Error) if map.contains_key(PLAIN_MAP) => Ok(Value::INVALID),
            (None, MissingKey::Error) => self.fail(format_args!("map has no entry for key {}", quote(name))),
            (None, MissingKey::Zero) => Ok(Value::NIL),
            (None, MissingKey::Default) => Ok(Value::INVALID),
        }
    }

    /// A value as a message shows it.
    pub(super) fn shown(&self, value: &Value<'a>, format: &str) -> Run<String> {
        if !value.is_valid() {
            return Ok("<invalid reflect.Value>".to_owned());
        }
        match crate::golang::printf::sprintf(format.as_bytes(), &[value.to_arg(self.options)], self.options.max_output)
        {
            Ok(text) => Ok(String::from_utf8_lossy(&text).into_owned()),
            Err(_) => self.too_long(),
        }
    }
}
