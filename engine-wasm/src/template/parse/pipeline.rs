//! Pipelines, commands and operands: what stands between `{{` and `}}`.

use super::super::lex::Kind;
use super::super::node::{Command, Expr, Operand, Pipe};
use super::super::number::{Number, invalid_syntax};
use super::{MAX_NESTING, Parser, Result};
use crate::golang::quote::{quote, unquote};

impl Parser<'_> {
    pub(super) fn pipeline(&mut self, context: &str, end: Kind) -> Result<Pipe> {
        let mut pipe =
            Pipe { pos: self.peek_non_space().pos, assign: false, variables: Vec::new(), commands: Vec::new() };
        self.declarations(&mut pipe, context)?;
        loop {
            let token = self.next_non_space();
            match token.kind {
                kind if kind == end => break,
                Kind::Bool
                | Kind::CharConstant
                | Kind::Complex
                | Kind::Dot
                | Kind::Field
                | Kind::Identifier
                | Kind::Number
                | Kind::Nil
                | Kind::RawString
                | Kind::String
                | Kind::Variable
                | Kind::LeftParen => {
                    self.pushed.push(token);
                    let command = self.command()?;
                    pipe.commands.push(command);
                }
                _ => return self.unexpected(&token, context),
            }
        }
        if pipe.commands.is_empty() {
            return self.fail(format_args!("missing value for {context}"));
        }
        for (i, command) in pipe.commands.iter().enumerate().skip(1) {
            if matches!(
                command.args.first().map(|arg| &arg.expr),
                Some(Expr::Bool(_) | Expr::Dot | Expr::Nil | Expr::Number(_) | Expr::String { .. })
            ) {
                return self.fail(format_args!("non executable command in pipeline stage {}", i + 1));
            }
        }
        Ok(pipe)
    }

    /// `$x :=`, `$x =`, and for `range` also `$i, $x :=`.
    fn declarations(&mut self, pipe: &mut Pipe, context: &str) -> Result<()> {
        loop {
            let variable = self.peek_non_space();
            if variable.kind != Kind::Variable {
                return Ok(());
            }
            self.next();
            let after = self.peek();
            let next = self.peek_non_space();
            match next.kind {
                Kind::Assign | Kind::Declare => {
                    pipe.assign = next.kind == Kind::Assign;
                    self.next_non_space();
                    self.declare(pipe, variable.text);
                    return Ok(());
                }
                Kind::Char if next.text == "," => {
                    self.next_non_space();
                    self.declare(pipe, variable.text);
                    if context != "range" || pipe.variables.len() >= 2 {
                        return self.fail(format_args!("too many declarations in {context}"));
                    }
                    if !matches!(self.peek_non_space().kind, Kind::Variable | Kind::RightDelim | Kind::RightParen) {
                        return self.fail("range can only initialize variables");
                    }
                }
                _ => {
                    if after.kind == Kind::Space {
                        self.pushed.push(after);
                    }
                    self.pushed.push(variable);
                    return Ok(());
                }
            }
        }
    }

    fn declare(&mut self, pipe: &mut Pipe, name: String) {
        self.scope.variables.push(name.clone());
        pipe.variables.push(name);
    }

    pub(super) fn command(&mut self) -> Result<Command> {
        let mut command = Command { pos: self.peek_non_space().pos, args: Vec::new() };
        loop {
            self.peek_non_space();
            if let Some(operand) = self.operand()? {
                command.args.push(operand);
            }
            let token = self.next();
            match token.kind {
                Kind::Space => continue,
                Kind::RightDelim | Kind::RightParen => self.pushed.push(token),
                Kind::Pipe => {}
                _ => return self.unexpected(&token, "operand"),
            }
            break;
        }
        if command.args.is_empty() { self.fail("empty command") } else { Ok(command) }
    }

    fn operand(&mut self) -> Result<Option<Operand>> {
        let Some(term) = self.term()? else {
            return Ok(None);
        };
        let next = self.peek();
        if next.kind != Kind::Field {
            return Ok(Some(term));
        }
        let mut fields = Vec::new();
        while self.peek().kind == Kind::Field {
            fields.push(self.next().text.trim_start_matches('.').to_owned());
        }
        // Go places a chain of fields at its second one.
        let pos = next.pos;
        let expr = match term.expr {
            Expr::Field(mut names) => {
                names.append(&mut fields);
                Expr::Field(names)
            }
            Expr::Variable(mut names) => {
                names.append(&mut fields);
                Expr::Variable(names)
            }
            Expr::Bool(_) | Expr::String { .. } | Expr::Number(_) | Expr::Nil | Expr::Dot => {
                return self.fail(format_args!("unexpected . after term {}", quote(term.to_string())));
            }
            _ => Expr::Chain(Box::new(term), fields),
        };
        Ok(Some(Operand { pos, expr }))
    }

    fn term(&mut self) -> Result<Option<Operand>> {
        let token = self.next_non_space();
        let expr = match token.kind {
            Kind::Identifier => {
                if !(self.known)(&token.text) {
                    return self.fail(format_args!("function {} not defined", quote(&token.text)));
                }
                Expr::Identifier(token.text)
            }
            Kind::Dot => Expr::Dot,
            Kind::Nil => Expr::Nil,
            Kind::Variable => {
                if !self.scope.variables.contains(&token.text) {
                    return self.fail(format_args!("undefined variable {}", quote(&token.text)));
                }
                Expr::Variable(vec![token.text])
            }
            Kind::Field => Expr::Field(vec![token.text.trim_start_matches('.').to_owned()]),
            Kind::Bool => Expr::Bool(token.text == "true"),
            Kind::CharConstant | Kind::Complex | Kind::Number => match Number::parse(&token.text, token.kind) {
                Ok(number) => Expr::Number(number),
                Err(message) => return self.fail(message),
            },
            Kind::LeftParen => {
                if self.nesting >= MAX_NESTING {
                    return self.fail("max expression depth exceeded");
                }
                self.nesting += 1;
                let pipe = self.pipeline("parenthesized pipeline", Kind::RightParen)?;
                self.nesting -= 1;
                Expr::Pipe(pipe)
            }
            Kind::String | Kind::RawString => match unquote(&token.text) {
                Some(text) => Expr::String { quoted: token.text, text },
                None => return self.fail(invalid_syntax()),
            },
            _ => {
                self.pushed.push(token);
                return Ok(None);
            }
        };
        Ok(Some(Operand { pos: token.pos, expr }))
    }
}
