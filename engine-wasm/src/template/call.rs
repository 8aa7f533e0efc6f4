//! Calls of functions from templates: which there are, what arguments they take, and what is wrong with the ones given (`text/template/exec.go`, `evalCall`).
//! The functions themselves are in [`super::builtins`], [`super::compare`] and [`super::docker`].

use super::exec::{At, Exec, Run};
use super::node::{Expr, Operand};
use super::value::{Data, Value};
use super::{FunctionSet, builtins, compare, docker};

/// The type of a parameter, as far as the functions here have them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Param {
    /// `interface {}`.
    Any,
    /// `reflect.Value`: interfaces stay visible.
    Reflect,
    String,
    Int,
}

impl Param {
    fn name(self) -> &'static str {
        match self {
            Self::Any => "interface {}",
            Self::Reflect => "reflect.Value",
            Self::String => "string",
            Self::Int => "int",
        }
    }
}

/// A function's parameters; the last one may be repeated.
#[derive(Debug, Clone, Copy)]
struct Signature {
    params: &'static [Param],
    variadic: bool,
}

fn signature(name: &str, functions: FunctionSet) -> Option<Signature> {
    use Param::{Any, Int, Reflect, String};
    let fixed = |params| Some(Signature { params, variadic: false });
    let open = |params| Some(Signature { params, variadic: true });
    match (functions, name) {
        (FunctionSet::Docker, "json") => return fixed(&[Any]),
        (FunctionSet::Docker, "join") => return fixed(&[Any, String]),
        (FunctionSet::Docker | FunctionSet::DockerHeader, "split") => {
            return fixed(&[String, String]);
        }
        (FunctionSet::DockerHeader, "join") => return fixed(&[String, String]),
        (FunctionSet::DockerHeader, "json") => return fixed(&[String]),
        (FunctionSet::Docker | FunctionSet::DockerHeader, "title" | "lower" | "upper") => {
            return fixed(&[String]);
        }
        (FunctionSet::Docker | FunctionSet::DockerHeader, "pad") => {
            return fixed(&[String, Int, Int]);
        }
        (FunctionSet::Docker | FunctionSet::DockerHeader, "truncate") => {
            return fixed(&[String, Int]);
        }
        _ => {}
    }
    match name {
        "and" | "or" | "call" | "index" | "slice" | "eq" => open(&[Reflect, Reflect]),
        "html" | "js" | "urlquery" | "print" | "println" => open(&[Any]),
        "printf" => open(&[String, Any]),
        "len" | "not" => fixed(&[Reflect]),
        "ne" | "lt" | "le" | "gt" | "ge" => fixed(&[Reflect, Reflect]),
        _ => None,
    }
}

/// Whether a template may name this function.
pub(super) fn is_known(name: &str, functions: FunctionSet) -> bool {
    signature(name, functions).is_some()
}

/// Why a function gave no value.
pub(super) enum CallError {
    /// Go's message.
    Message(String),
    /// The text would be too long.
    TooLong,
}

impl From<String> for CallError {
    fn from(message: String) -> Self {
        Self::Message(message)
    }
}

impl From<&str> for CallError {
    fn from(message: &str) -> Self {
        Self::Message(message.to_owned())
    }
}

impl From<crate::golang::printf::TooLong> for CallError {
    fn from(_: crate::golang::printf::TooLong) -> Self {
        Self::TooLong
    }
}

impl<'a> Exec<'a> {
    /// Calls `name` with arguments and what was piped in; `node` is what an error of the function itself is placed at.
    pub(super) fn call(
        &mut self,
        dot: &Value<'a>,
        node: At<'a>,
        name: &str,
        args: &'a [Operand],
        piped: Option<Value<'a>>,
    ) -> Run<Value<'a>> {
        let Some(signature) = signature(name, self.options.functions) else {
            return self.fail(format_args!("{} is not a defined function", crate::golang::quote::quote(name)));
        };
        let count = args.len() + usize::from(piped.is_some());
        let fixed = if signature.variadic { signature.params.len() - 1 } else { signature.params.len() };
        if signature.variadic && count < fixed {
            return self
                .fail(format_args!("wrong number of args for {name}: want at least {fixed} got {}", args.len()));
        }
        if !signature.variadic && count != fixed {
            return self.fail(format_args!("wrong number of args for {name}: want {fixed} got {count}"));
        }
        if matches!(name, "and" | "or") {
            return self.and_or(dot, name == "or", args, piped);
        }
        let param = |i: usize| signature.params.get(i).or(signature.params.last()).copied().unwrap_or(Param::Any);
        let mut values = Vec::with_capacity(count);
        for (i, arg) in args.iter().enumerate() {
            values.push(self.argument(dot, param(i), arg)?);
        }
        if let Some(value) = piped {
            values.push(self.fit(value, param(args.len()))?);
        }
        let result = match name {
            "eq" | "ne" | "lt" | "le" | "gt" | "ge" => compare::call(self, name, &values).map(Value::bool),
            "call" => builtins::call(args.first().map(ToString::to_string), &values),
            "json" | "split" | "join" | "title" | "lower" | "upper" | "pad" | "truncate" => {
                docker::call(self.options, name, &values)
            }
            _ => builtins::run(self.options, name, &values),
        };
        result.or_else(|error| {
            self.at = node;
            match error {
                CallError::Message(message) => self.fail(format_args!("error calling {name}: {message}")),
                CallError::TooLong => self.too_long(),
            }
        })
    }

    /// `.Label NAME` of a row, or of a table's heading: what the last part of the name says.
    pub(super) fn label(
        &mut self,
        dot: &Value<'a>,
        labels: &'a serde_json::Value,
        args: &'a [Operand],
        piped: Option<Value<'a>>,
    ) -> Run<Value<'a>> {
        let name = match (args, piped) {
            ([one], None) => self.argument(dot, Param::String, one)?,
            ([], Some(piped)) => self.fit(piped, Param::String)?,
            (_, piped) => {
                let count = args.len() + usize::from(piped.is_some());
                return self.fail(format_args!("wrong number of args for Label: want 1 got {count}"));
            }
        };
        let Data::Bytes(name) = &name.data else { return Ok(Value::INVALID) };
        let name = String::from_utf8_lossy(name);
        Ok(Value::string(match labels.as_object() {
            Some(labels) => labels.get(&*name).and_then(serde_json::Value::as_str).unwrap_or_default().into(),
            None => name.rsplit('.').next().unwrap_or_default().replace(['-', '_'], " "),
        }))
    }

    /// `and` and `or` stop at the first argument that decides.
    fn and_or(
        &mut self,
        dot: &Value<'a>,
        stop_at: bool,
        args: &'a [Operand],
        piped: Option<Value<'a>>,
    ) -> Run<Value<'a>> {
        let mut value = Value::INVALID;
        for arg in args {
            value = self.argument(dot, Param::Reflect, arg)?;
            if value.truth() == stop_at {
                return Ok(value);
            }
        }
        Ok(piped.unwrap_or(value))
    }

    fn argument(&mut self, dot: &Value<'a>, param: Param, arg: &'a Operand) -> Run<Value<'a>> {
        self.at = At::Operand(arg);
        match (&arg.expr, param) {
            (Expr::Nil, Param::Any) => return Ok(Value::NIL),
            (Expr::Nil, Param::Reflect) => return Ok(Value::INVALID),
            (Expr::Nil, param) => {
                return self.fail(format_args!("cannot assign nil to {}", param.name()));
            }
            (Expr::Bool(_) | Expr::Number(_), Param::String) => {
                return self.fail(format_args!("expected string; found {arg}"));
            }
            (Expr::Bool(_) | Expr::String { .. }, Param::Int) => {
                return self.fail(format_args!("expected integer; found {arg}"));
            }
            (Expr::Number(number), Param::Int) => {
                return match number.int {
                    Some(n) => Ok(Value::int(n)),
                    None => self.fail(format_args!("expected integer; found {arg}")),
                };
            }
            _ => {}
        }
        let value = self.operand(dot, arg, false)?;
        self.fit(value, param)
    }

    /// Checks that a value can be given for a parameter.
    fn fit(&self, value: Value<'a>, param: Param) -> Run<Value<'a>> {
        let fits = match param {
            Param::Any | Param::Reflect => return Ok(value),
            Param::String => matches!(value.data, Data::Bytes(_)),
            Param::Int => matches!(value.data, Data::Int(_, "int")),
        };
        if fits {
            return Ok(value);
        }
        if !value.is_valid() {
            return self.fail(format_args!("invalid value; expected {}", param.name()));
        }
        self.fail(format_args!("wrong type for value; expected {}; got {}", param.name(), value.inner_type()))
    }
}
