//! What pipelines, commands, operands and fields come to.

use serde_json::Value as Json;

use super::super::node::{Command, Expr, Operand, Pipe};
use super::super::value::{Data, Value};
use super::super::{LABELS, MissingKey, STRUCT_FIELDS, STRUCT_TYPE};
use super::{At, Exec, Run};
use crate::golang::quote::quote;

fn is_label(names: &[String]) -> bool {
    names.last().is_some_and(|name| name == "Label")
}

impl<'a> Exec<'a> {
    pub(in crate::template) fn pipeline(&mut self, dot: &Value<'a>, pipe: &'a Pipe) -> Run<Value<'a>> {
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

    pub(super) fn command(
        &mut self,
        dot: &Value<'a>,
        command: &'a Command,
        piped: Option<Value<'a>>,
    ) -> Run<Value<'a>> {
        let Some(first) = command.args.first() else {
            return Ok(Value::INVALID);
        };
        match &first.expr {
            Expr::Identifier(name) => {
                self.at = At::Operand(first);
                return self.call(dot, At::Command(command), name, &command.args[1..], piped);
            }
            Expr::Pipe(pipe) => {
                self.not_a_function(command, piped.as_ref())?;
                return self.pipeline(dot, pipe);
            }
            Expr::Field(_) | Expr::Chain(..) => return self.field_command(dot, command, piped),
            Expr::Variable(names) => {
                let value = self.field_command(dot, command, piped.clone())?;
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

    /// A field, or a call of `Label`, the one method that takes an argument.
    fn field_command(&mut self, dot: &Value<'a>, command: &'a Command, piped: Option<Value<'a>>) -> Run<Value<'a>> {
        let first = &command.args[0];
        let has_args = command.args.len() > 1 || piped.is_some();
        self.at = At::Operand(first);
        let (receiver, names) = match &first.expr {
            Expr::Field(names) if is_label(names) => (dot.clone(), &names[..]),
            Expr::Variable(names) if is_label(names) => (self.variable(&names[0])?, &names[1..]),
            _ => return self.operand(dot, first, has_args),
        };
        match self.fields(receiver, &names[..names.len().saturating_sub(1)], false)?.data {
            Data::Map(map) if map.contains_key(LABELS) => self.label(dot, &map[LABELS], &command.args[1..], piped),
            _ => self.operand(dot, first, has_args),
        }
    }

    fn variable(&self, name: &str) -> Run<Value<'a>> {
        match self.variables.iter().rev().find(|(known, _)| *known == name) {
            Some((_, value)) => Ok(value.clone()),
            None => self.fail(format_args!("undefined variable: {name}")),
        }
    }

    /// The value of an operand; `has_args` when a command gives it arguments, which a field cannot take.
    pub(in crate::template) fn operand(
        &mut self,
        dot: &Value<'a>,
        operand: &'a Operand,
        has_args: bool,
    ) -> Run<Value<'a>> {
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
                let value = self.variable(name)?;
                self.fields(value, fields, has_args)
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

    pub(super) fn fields(&mut self, mut value: Value<'a>, names: &[String], has_args: bool) -> Run<Value<'a>> {
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
            Data::Nil | Data::Pointer => {
                return self.fail(format_args!("nil pointer evaluating {}.{name}", receiver.type_name()));
            }
            Data::Map(map) => map,
            _ => {
                return self.fail(format_args!("can't evaluate field {name} in type {}", receiver.type_name()));
            }
        };
        if let Some(kind) = map.get(STRUCT_TYPE) {
            let fields = map.get(STRUCT_FIELDS).and_then(Json::as_object).unwrap_or(map);
            return match fields.get(name) {
                Some(_) if has_args => {
                    self.fail(format_args!("{name} has arguments but cannot be invoked as function"))
                }
                // What stands in a structure stands in no interface.
                Some(Json::Null) => Ok(Data::Pointer.into()),
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
            (None, MissingKey::Error) => self.fail(format_args!("map has no entry for key {}", quote(name))),
            (None, MissingKey::Zero) => Ok(Value::NIL),
            (None, MissingKey::Default) => Ok(Value::INVALID),
        }
    }

    /// A value as a message shows it.
    pub(in crate::template) fn shown(&self, value: &Value<'a>, format: &str) -> Run<String> {
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
