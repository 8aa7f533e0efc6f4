//! The parsed template, and its nodes as text: error messages quote the node they happened at (`text/template/parse/node.go`).

use std::fmt;

use super::number::Number;
use crate::golang::quote::quote;

/// Nodes in order.
pub(super) type List = Vec<Node>;

/// Text or an action.
#[derive(Debug)]
pub(super) enum Node {
    Text(String),
    Action(Pipe),
    If(Branch),
    Range(Branch),
    With(Branch),
    Template(Invocation),
    Break,
    Continue,
}

impl Node {
    /// Whether this prints nothing worth keeping a definition for.
    pub(super) fn is_empty(&self) -> bool {
        matches!(self, Self::Text(text) if text.trim().is_empty())
    }
}

/// `if`, `range` or `with`.
#[derive(Debug)]
pub(super) struct Branch {
    pub(super) pipe: Pipe,
    pub(super) list: List,
    pub(super) other: Option<List>,
}

/// `{{template "name" pipeline}}`.
#[derive(Debug)]
pub(super) struct Invocation {
    pub(super) pos: usize,
    pub(super) name: String,
    pub(super) pipe: Option<Pipe>,
}

impl fmt::Display for Invocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{{{{template {}", quote(&self.name))?;
        if let Some(pipe) = &self.pipe {
            write!(f, " {pipe}")?;
        }
        f.write_str("}}")
    }
}

/// Commands joined by `|`, perhaps declaring or assigning variables.
#[derive(Debug)]
pub(super) struct Pipe {
    pub(super) pos: usize,
    pub(super) assign: bool,
    /// Names with their `$`.
    pub(super) variables: Vec<String>,
    pub(super) commands: Vec<Command>,
}

impl fmt::Display for Pipe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.variables.is_empty() {
            write!(f, "{} {} ", self.variables.join(", "), if self.assign { "=" } else { ":=" })?;
        }
        for (i, command) in self.commands.iter().enumerate() {
            if i > 0 {
                f.write_str(" | ")?;
            }
            command.fmt(f)?;
        }
        Ok(())
    }
}

/// Operands side by side: a function and its arguments, or one value.
#[derive(Debug)]
pub(super) struct Command {
    pub(super) pos: usize,
    pub(super) args: Vec<Operand>,
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, arg) in self.args.iter().enumerate() {
            if i > 0 {
                f.write_str(" ")?;
            }
            match &arg.expr {
                Expr::Pipe(pipe) => write!(f, "({pipe})")?,
                _ => arg.fmt(f)?,
            }
        }
        Ok(())
    }
}

/// A value in a command.
#[derive(Debug)]
pub(super) struct Operand {
    pub(super) pos: usize,
    pub(super) expr: Expr,
}

/// What an operand is.
#[derive(Debug)]
pub(super) enum Expr {
    Bool(bool),
    Dot,
    Nil,
    Number(Number),
    String {
        quoted: String,
        text: Vec<u8>,
    },
    /// `.A.B`, names without dots.
    Field(Vec<String>),
    /// `$x.A`: the variable's name with its `$`, then fields.
    Variable(Vec<String>),
    /// A function's name.
    Identifier(String),
    /// Fields of something else: `(index . 1).A`.
    Chain(Box<Operand>, Vec<String>),
    /// In parentheses.
    Pipe(Pipe),
}

impl fmt::Display for Operand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.expr {
            Expr::Bool(b) => b.fmt(f),
            Expr::Dot => f.write_str("."),
            Expr::Nil => f.write_str("nil"),
            Expr::Number(n) => f.write_str(&n.text),
            Expr::String { quoted, .. } => f.write_str(quoted),
            Expr::Field(names) => names.iter().try_for_each(|name| write!(f, ".{name}")),
            Expr::Variable(names) => f.write_str(&names.join(".")),
            Expr::Identifier(name) => f.write_str(name),
            Expr::Chain(node, names) => {
                match &node.expr {
                    Expr::Pipe(pipe) => write!(f, "({pipe})")?,
                    _ => node.fmt(f)?,
                }
                names.iter().try_for_each(|name| write!(f, ".{name}"))
            }
            Expr::Pipe(pipe) => pipe.fmt(f),
        }
    }
}
