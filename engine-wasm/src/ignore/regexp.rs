//! The part of Go's regular expressions that ignore patterns can turn into, matched in linear time.
//! Follows `regexp/syntax` with Perl's flags; `\p{…}` is refused, since it needs Unicode's tables.

mod class;
mod parse;

use class::Class;

/// Instructions a program may have: repetitions (`a{1000}`) multiply them.
const MAX_PROGRAM: usize = 100_000;

/// A compiled expression.
#[derive(Debug, Clone)]
pub(super) struct Regexp {
    program: Vec<Op>,
}

#[derive(Debug, Clone)]
enum Op {
    Char(char),
    Class(Class),
    Split(usize, usize),
    Assert(Assertion),
    Match,
}

#[derive(Debug, Clone, Copy)]
enum Assertion {
    Begin,
    End,
    WordBoundary,
    NoWordBoundary,
}

/// The expression as a tree. Repeating is counted in the tree and unrolled in the program.
#[derive(Debug, Clone)]
enum Node {
    Char(char),
    Class(Class),
    Assert(Assertion),
    Concat(Vec<Node>),
    Alternate(Vec<Node>),
    Repeat { node: Box<Node>, min: usize, max: Option<usize> },
}

impl Regexp {
    /// None where Go reports an error, and where the program would be too large.
    pub(super) fn new(text: &str) -> Option<Self> {
        let mut program = Vec::new();
        emit(&parse::parse(text)?, &mut program)?;
        program.push(Op::Match);
        Some(Self { program })
    }

    /// Whether the expression matches anywhere in the text.
    pub(super) fn is_match(&self, text: &str) -> bool {
        let mut threads = Threads { list: Vec::new(), seen: vec![0; self.program.len()], step: 0 };
        let mut stack = Vec::new();
        let mut previous: Option<char> = None;
        let mut rest = text.chars();
        let mut current: Vec<usize> = Vec::new();
        loop {
            let next = rest.clone().next();
            threads.step += 1;
            threads.list.clear();
            stack.push(0);
            stack.extend(current.drain(..).rev());
            while let Some(at) = stack.pop() {
                if threads.seen.get(at).is_none_or(|seen| *seen == threads.step) {
                    continue;
                }
                if let Some(seen) = threads.seen.get_mut(at) {
                    *seen = threads.step;
                }
                match self.program.get(at) {
                    Some(Op::Match) => return true,
                    Some(Op::Split(a, b)) => stack.extend([*b, *a]),
                    Some(Op::Assert(assertion)) if assertion.holds(previous, next) => stack.push(at + 1),
                    Some(Op::Assert(_)) => {}
                    Some(_) => threads.list.push(at),
                    None => {}
                }
            }
            let Some(c) = rest.next() else { return false };
            for &at in &threads.list {
                let hit = match self.program.get(at) {
                    Some(Op::Char(wanted)) => *wanted == c,
                    Some(Op::Class(class)) => class.contains(c),
                    _ => false,
                };
                if hit {
                    current.push(at + 1);
                }
            }
            previous = Some(c);
        }
    }
}

/// The states alive before the next character, each once.
struct Threads {
    list: Vec<usize>,
    seen: Vec<usize>,
    step: usize,
}

impl Assertion {
    fn holds(self, previous: Option<char>, next: Option<char>) -> bool {
        let word = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric() || c == '_');
        match self {
            Self::Begin => previous.is_none(),
            Self::End => next.is_none(),
            Self::WordBoundary => word(previous) != word(next),
            Self::NoWordBoundary => word(previous) == word(next),
        }
    }
}

fn emit(node: &Node, program: &mut Vec<Op>) -> Option<()> {
    if program.len() > MAX_PROGRAM {
        return None;
    }
    match node {
        Node::Char(c) => program.push(Op::Char(*c)),
        Node::Class(class) => program.push(Op::Class(class.clone())),
        Node::Assert(assertion) => program.push(Op::Assert(*assertion)),
        Node::Concat(nodes) => nodes.iter().try_for_each(|node| emit(node, program))?,
        Node::Alternate(nodes) => {
            let (last, others) = nodes.split_last()?;
            let mut exits = Vec::new();
            for node in others {
                let split = program.len();
                program.push(Op::Split(split + 1, 0));
                emit(node, program)?;
                exits.push(program.len());
                program.push(Op::Split(0, 0));
                let end = program.len();
                patch(program, split, split + 1, end);
            }
            emit(last, program)?;
            let end = program.len();
            exits.into_iter().for_each(|exit| patch(program, exit, end, end));
        }
        Node::Repeat { node, min, max } => {
            for _ in 0..*min {
                emit(node, program)?;
            }
            match max {
                None => {
                    let split = program.len();
                    program.push(Op::Split(split + 1, 0));
                    emit(node, program)?;
                    program.push(Op::Split(split, split));
                    let end = program.len();
                    patch(program, split, split + 1, end);
                }
                Some(max) => {
                    let mut splits = Vec::new();
                    for _ in *min..*max {
                        splits.push(program.len());
                        program.push(Op::Split(0, 0));
                        emit(node, program)?;
                    }
                    let end = program.len();
                    splits.into_iter().for_each(|split| patch(program, split, split + 1, end));
                }
            }
        }
    }
    Some(())
}

fn patch(program: &mut [Op], at: usize, first: usize, second: usize) {
    if let Some(op) = program.get_mut(at) {
        *op = Op::Split(first, second);
    }
}
