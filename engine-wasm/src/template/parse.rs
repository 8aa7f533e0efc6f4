//! Tokens to nodes, with the grammar and the error texts of Go's `text/template/parse/parse.go`.
//! Recursion is bounded: actions and parentheses may nest [`MAX_NESTING`] deep, more is an error.

mod pipeline;

use std::collections::BTreeMap;

use super::lex::{Kind, Token, lex};
use super::node::{Branch, Invocation, List, Node};
use super::number::invalid_syntax;
use crate::golang::quote::{quote, unquote};

/// How deep actions and parentheses may stand in one another.
pub(super) const MAX_NESTING: usize = 100;

/// What messages call the begin of a `block`.
const BLOCK: &str = "block clause";

/// Templates by name: the one parsed and those it defines.
pub(super) type Trees = BTreeMap<String, List>;

/// Parses a template and everything defined in it. `known` says which functions exist. The error is Go's text.
pub(super) fn parse(name: &str, text: &str, known: &dyn Fn(&str) -> bool) -> Result<Trees, String> {
    let mut parser = Parser {
        name,
        tokens: lex(text),
        at: 0,
        pushed: Vec::new(),
        last_line: 1,
        trees: Trees::new(),
        scope: Scope::default(),
        nesting: 0,
        action_line: 0,
        known,
    };
    parser.whole()?;
    Ok(parser.trees)
}

/// What each definition has for itself.
struct Scope {
    variables: Vec<String>,
    ranges: usize,
}

impl Default for Scope {
    fn default() -> Self {
        Self { variables: vec!["$".to_owned()], ranges: 0 }
    }
}

/// How a list of nodes ended.
enum End {
    End,
    Else { chained: Option<Kind> },
}

impl End {
    fn text(&self) -> &'static str {
        match self {
            Self::End => "{{end}}",
            Self::Else { .. } => "{{else}}",
        }
    }
}

enum Item {
    Node(Node),
    End(End),
}

struct Parser<'a> {
    name: &'a str,
    tokens: Vec<Token>,
    at: usize,
    /// Tokens given back, the next one last.
    pushed: Vec<Token>,
    /// Line of the token last taken from the lexer: where errors are placed.
    last_line: usize,
    trees: Trees,
    scope: Scope,
    nesting: usize,
    /// Line on which the action in hand began; 0 outside.
    action_line: usize,
    known: &'a dyn Fn(&str) -> bool,
}

type Result<T, E = String> = std::result::Result<T, E>;

impl Parser<'_> {
    fn next(&mut self) -> Token {
        if let Some(token) = self.pushed.pop() {
            return token;
        }
        // The last token is the end or an error, and repeats.
        let token = match self.tokens.get(self.at).or(self.tokens.last()) {
            Some(token) => token.clone(),
            None => Token { kind: Kind::Eof, pos: 0, line: 1, text: String::new() },
        };
        self.at += 1;
        self.last_line = token.line;
        token
    }

    fn peek(&mut self) -> Token {
        let token = self.next();
        self.pushed.push(token.clone());
        token
    }

    fn next_non_space(&mut self) -> Token {
        loop {
            let token = self.next();
            if token.kind != Kind::Space {
                return token;
            }
        }
    }

    fn peek_non_space(&mut self) -> Token {
        let token = self.next_non_space();
        self.pushed.push(token.clone());
        token
    }

    fn fail<T>(&self, message: impl std::fmt::Display) -> Result<T> {
        Err(format!("template: {}:{}: {message}", self.name, self.last_line))
    }

    fn unexpected<T>(&self, token: &Token, context: &str) -> Result<T> {
        if token.kind != Kind::Error {
            return self.fail(format_args!("unexpected {token} in {context}"));
        }
        if self.action_line == 0 || self.action_line == token.line {
            return self.fail(token);
        }
        let joint = if token.text.ends_with(" action") { "" } else { " in action" };
        self.fail(format_args!("{token}{joint} started at {}:{}", self.name, self.action_line))
    }

    fn expect(&mut self, kind: Kind, context: &str) -> Result<Token> {
        let token = self.next_non_space();
        if token.kind == kind { Ok(token) } else { self.unexpected(&token, context) }
    }

    fn whole(&mut self) -> Result<()> {
        let mut root = List::new();
        loop {
            match self.peek().kind {
                Kind::Eof => break,
                Kind::LeftDelim => {
                    let delim = self.next();
                    let after = self.next_non_space();
                    if after.kind == Kind::Define {
                        self.definition()?;
                        continue;
                    }
                    self.pushed.push(after);
                    self.pushed.push(delim);
                }
                _ => {}
            }
            match self.text_or_action()? {
                Item::Node(node) => root.push(node),
                Item::End(end) => return self.fail(format_args!("unexpected {}", end.text())),
            }
        }
        self.add(self.name.to_owned(), root)
    }

    /// Adds a definition; an empty one gives way to one that is not.
    fn add(&mut self, name: String, list: List) -> Result<()> {
        let empty = list.iter().all(Node::is_empty);
        match self.trees.get(&name) {
            Some(old) if !old.iter().all(Node::is_empty) => {
                if !empty {
                    return self.fail(format_args!("template: multiple definition of template {}", quote(&name)));
                }
            }
            _ => {
                self.trees.insert(name, list);
            }
        }
        Ok(())
    }

    fn definition(&mut self) -> Result<()> {
        const CONTEXT: &str = "define clause";
        let token = self.next_non_space();
        let name = self.template_name(&token, CONTEXT)?;
        self.expect(Kind::RightDelim, CONTEXT)?;
        self.body(name, CONTEXT)
    }

    /// The list of a `define` or `block`, with variables of its own.
    fn body(&mut self, name: String, context: &str) -> Result<()> {
        let outer = std::mem::take(&mut self.scope);
        let begin = self.last_line;
        let (list, end) = self.item_list()?;
        if let End::Else { .. } = end {
            // Go reads a block with a parser of its own and complains with the outer one, which is still at the block's begin.
            if context == BLOCK {
                self.last_line = begin;
            }
            return self.fail(format_args!("unexpected {} in {context}", end.text()));
        }
        self.scope = outer;
        self.add(name, list)
    }

    fn template_name(&mut self, token: &Token, context: &str) -> Result<String> {
        if !matches!(token.kind, Kind::String | Kind::RawString) {
            return self.unexpected(token, context);
        }
        match unquote(&token.text) {
            Some(name) => Ok(String::from_utf8_lossy(&name).into_owned()),
            None => self.fail(invalid_syntax()),
        }
    }

    fn item_list(&mut self) -> Result<(List, End)> {
        let mut list = List::new();
        while self.peek_non_space().kind != Kind::Eof {
            match self.text_or_action()? {
                Item::Node(node) => list.push(node),
                Item::End(end) => return Ok((list, end)),
            }
        }
        self.fail("unexpected EOF")
    }

    fn text_or_action(&mut self) -> Result<Item> {
        let token = self.next_non_space();
        match token.kind {
            Kind::Text => Ok(Item::Node(Node::Text(token.text))),
            Kind::LeftDelim => {
                if self.nesting >= MAX_NESTING {
                    return self.fail("max expression depth exceeded");
                }
                self.nesting += 1;
                self.action_line = token.line;
                let item = self.action();
                self.action_line = 0;
                self.nesting -= 1;
                item
            }
            _ => self.unexpected(&token, "input"),
        }
    }

    fn action(&mut self) -> Result<Item> {
        let token = self.next_non_space();
        let node = match token.kind {
            Kind::Block => self.block()?,
            Kind::Break => self.leave("{{break}}", Node::Break)?,
            Kind::Continue => self.leave("{{continue}}", Node::Continue)?,
            Kind::Else => {
                let next = self.peek_non_space();
                let chained = Some(next.kind).filter(|kind| matches!(kind, Kind::If | Kind::With));
                if chained.is_none() {
                    self.expect(Kind::RightDelim, "else")?;
                }
                return Ok(Item::End(End::Else { chained }));
            }
            Kind::End => {
                self.expect(Kind::RightDelim, "end")?;
                return Ok(Item::End(End::End));
            }
            Kind::If => Node::If(self.control("if")?),
            Kind::Range => Node::Range(self.control("range")?),
            Kind::With => Node::With(self.control("with")?),
            Kind::Template => {
                let token = self.next_non_space();
                let name = self.template_name(&token, "template clause")?;
                let after = self.next_non_space();
                let pipe = if after.kind == Kind::RightDelim {
                    None
                } else {
                    self.pushed.push(after);
                    Some(self.pipeline("template clause", Kind::RightDelim)?)
                };
                Node::Template(Invocation { pos: token.pos, name, pipe })
            }
            _ => {
                self.pushed.push(token);
                Node::Action(self.pipeline("command", Kind::RightDelim)?)
            }
        };
        Ok(Item::Node(node))
    }

    fn leave(&mut self, text: &str, node: Node) -> Result<Node> {
        let token = self.next_non_space();
        if token.kind != Kind::RightDelim {
            return self.unexpected(&token, text);
        }
        if self.scope.ranges == 0 {
            return self.fail(format_args!("{text} outside {{{{range}}}}"));
        }
        Ok(node)
    }

    fn block(&mut self) -> Result<Node> {
        let token = self.next_non_space();
        let name = self.template_name(&token, BLOCK)?;
        let pipe = self.pipeline(BLOCK, Kind::RightDelim)?;
        self.body(name.clone(), BLOCK)?;
        Ok(Node::Template(Invocation { pos: token.pos, name, pipe: Some(pipe) }))
    }

    fn control(&mut self, context: &'static str) -> Result<Branch> {
        let variables = self.scope.variables.len();
        let pipe = self.pipeline(context, Kind::RightDelim)?;
        let in_range = usize::from(context == "range");
        self.scope.ranges += in_range;
        let (list, end) = self.item_list()?;
        self.scope.ranges -= in_range;
        let other = match end {
            End::End => None,
            End::Else { chained: Some(Kind::If) } if context == "if" => Some(vec![self.chained("if")?]),
            End::Else { chained: Some(Kind::With) } if context == "with" => Some(vec![self.chained("with")?]),
            End::Else { .. } => {
                let (list, end) = self.item_list()?;
                if let End::Else { .. } = end {
                    return self.fail(format_args!("expected end; found {}", end.text()));
                }
                Some(list)
            }
        };
        self.scope.variables.truncate(variables);
        Ok(Branch { pipe, list, other })
    }

    /// `{{else if …}}`: the rest, as if it stood in an `{{else}}` of its own.
    fn chained(&mut self, context: &'static str) -> Result<Node> {
        if self.nesting >= MAX_NESTING {
            return self.fail("max expression depth exceeded");
        }
        self.nesting += 1;
        self.next_non_space();
        let branch = self.control(context)?;
        self.nesting -= 1;
        Ok(if context == "if" { Node::If(branch) } else { Node::With(branch) })
    }
}
