//! The commands in a shell script, as far as the rules need them: names, arguments and pipes, with their places.
//! No shell parser: what it cannot follow (an open quote, an open parenthesis) holds no commands, as in hadolint, where such a script does not parse either.

use std::ops::Range;

/// Command substitutions nested deeper than this are not followed.
const MAX_DEPTH: usize = 30;

/// What a script does.
#[derive(Debug, Clone, Default)]
pub(super) struct Script {
    /// The text.
    pub(super) text: String,
    /// Its commands; one before those in its arguments.
    pub(super) commands: Vec<Cmd>,
    /// Whether there is a pipe.
    pub(super) pipes: bool,
    /// Whether commands are joined by `&&` only, so that another can be put at the end.
    pub(super) chain: bool,
}

/// A simple command.
#[derive(Debug, Clone, Default)]
pub(super) struct Cmd {
    /// The program.
    pub(super) name: String,
    /// The arguments, flags included, without quotes; `$x` is `${x}`.
    pub(super) args: Vec<Arg>,
    /// Bytes of the Dockerfile: the program's name.
    pub(super) span: Range<usize>,
}

/// An argument.
#[derive(Debug, Clone, Default)]
pub(super) struct Arg {
    pub(super) text: String,
    /// Bytes of the Dockerfile.
    pub(super) span: Range<usize>,
}

/// Text with the way back to where its pieces stand in the Dockerfile.
#[derive(Debug, Clone, Default)]
pub(super) struct Source {
    pub(super) text: String,
    pieces: Vec<(usize, usize)>,
}

impl Source {
    /// Adds a piece that begins at a byte of the Dockerfile.
    pub(super) fn push(&mut self, piece: &str, at: usize) {
        self.pieces.push((self.text.len(), at));
        self.text.push_str(piece);
    }

    fn at(&self, offset: usize) -> usize {
        let piece = self.pieces.partition_point(|(begin, _)| *begin <= offset).saturating_sub(1);
        self.pieces.get(piece).map_or(0, |(begin, source)| source + offset.saturating_sub(*begin))
    }

    fn span(&self, range: Range<usize>) -> Range<usize> {
        let start = self.at(range.start);
        if range.is_empty() { start..start } else { start..self.at(range.end - 1) + 1 }
    }
}

impl Script {
    /// Reads a script.
    pub(super) fn new(source: Source) -> Self {
        let mut parser = Parser {
            source: &source,
            at: 0,
            out: Self { chain: true, ..Self::default() },
            heredocs: Vec::new(),
            ticked: false,
        };
        let done = parser.list(None, 0);
        let mut out = parser.out;
        if done.is_none() {
            (out.commands, out.pipes, out.chain) = (Vec::new(), false, false);
        }
        out.text = source.text;
        out
    }
}

impl Cmd {
    /// Whether it is a call of `name` with one of these arguments.
    pub(super) fn is(&self, name: &str, any: &[&str]) -> bool {
        self.name == name && self.has(any)
    }

    pub(super) fn has(&self, any: &[&str]) -> bool {
        self.args.iter().any(|arg| any.contains(&arg.text.as_str()))
    }

    /// The flags, and which argument each is in: `-yq` is two, `--x=1` is `x`.
    fn flags(&self) -> impl Iterator<Item = (&str, usize)> {
        self.args.iter().enumerate().flat_map(|(index, arg)| {
            let text = arg.text.as_str();
            let long = text.strip_prefix("--").filter(|rest| !rest.is_empty());
            let short = text.strip_prefix('-').filter(|rest| long.is_none() && !rest.is_empty() && *rest != "-");
            let long = long.map(|long| long.split('=').next().unwrap_or(long));
            let short = short
                .into_iter()
                .flat_map(|short| short.char_indices().map(move |(at, c)| &short[at..at + c.len_utf8()]));
            long.into_iter().chain(short).map(move |flag| (flag, index))
        })
    }

    pub(super) fn count_flag(&self, name: &str) -> usize {
        self.flags().filter(|(flag, _)| *flag == name).count()
    }

    pub(super) fn has_flag(&self, any: &[&str]) -> bool {
        self.flags().any(|(flag, _)| any.contains(&flag))
    }

    /// The arguments that are no flags, without those that belong to a flag of `values`.
    pub(super) fn plain(&self, values: &[&str]) -> Vec<&Arg> {
        let dropped: Vec<usize> = self
            .flags()
            .filter(|(flag, index)| values.contains(flag) && !self.args[*index].text.contains('='))
            .map(|(_, index)| index + 1)
            .collect();
        let flags: Vec<usize> = self.flags().map(|(_, index)| index).collect();
        let kept = self.args.iter().enumerate().filter(|(index, _)| !dropped.contains(index) && !flags.contains(index));
        kept.map(|(_, arg)| arg).collect()
    }

    /// The arguments right after a flag.
    pub(super) fn values(&self, name: &str) -> Vec<&str> {
        let indices = self.flags().filter(|(flag, _)| *flag == name).map(|(_, index)| index + 1);
        indices.filter_map(|index| self.args.get(index)).map(|arg| arg.text.as_str()).collect()
    }

    /// Whether the arguments hold these in a row.
    pub(super) fn sequence(&self, words: &[&str]) -> bool {
        self.args.windows(words.len()).any(|window| window.iter().zip(words).all(|(arg, word)| arg.text == *word))
    }
}

/// A word as it is read.
#[derive(Default)]
struct Word {
    text: String,
    /// It holds no expansion.
    literal: bool,
    quoted: bool,
    range: Range<usize>,
}

struct Parser<'a> {
    source: &'a Source,
    at: usize,
    out: Script,
    /// Delimiters of here-documents whose content begins on the next line, and whether tabs before them go.
    heredocs: Vec<(String, bool)>,
    /// Inside backticks, where the next one ends them.
    ticked: bool,
}

/// The command being read.
#[derive(Default)]
struct Current {
    words: Vec<Word>,
    /// Where it goes among the commands.
    index: usize,
    /// Its words are no command: `for x in …`, `[ … ]`.
    dropped: bool,
    /// Its words are a pattern of `case`.
    pattern: bool,
}

impl Parser<'_> {
    fn rest(&self) -> &str {
        &self.source.text[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn take(&mut self, text: &str) -> bool {
        let found = self.rest().starts_with(text);
        if found {
            self.at += text.len();
        }
        found
    }

    fn bump(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += c.len_utf8();
        Some(c)
    }

    /// Reads commands up to `stop` (consumed), or to the end.
    fn list(&mut self, stop: Option<char>, depth: usize) -> Option<()> {
        if depth > MAX_DEPTH {
            return None;
        }
        let mut current = Current { index: self.out.commands.len(), ..Current::default() };
        let mut cases = 0usize;
        loop {
            let Some(c) = self.peek() else {
                self.end(&mut current);
                return stop.is_none().then_some(());
            };
            if Some(c) == stop && !(c == ')' && current.pattern) {
                self.at += 1;
                self.end(&mut current);
                return Some(());
            }
            match c {
                '|' | '(' if current.pattern => self.at += 1,
                ')' if current.pattern => {
                    self.at += 1;
                    current.pattern = false;
                }
                ' ' | '\t' | '\r' => self.at += 1,
                '\\' if self.rest().starts_with("\\\n") => self.at += 2,
                '\n' => {
                    self.at += 1;
                    self.end(&mut current);
                    self.skip_heredocs();
                    self.out.chain = false;
                }
                '#' => self.at += self.rest().find('\n').unwrap_or(self.rest().len()),
                '&' if self.take("&&") => self.end(&mut current),
                '&' if self.take("&>>") || self.take("&>") => {
                    self.redirected(depth)?;
                }
                '|' if self.take("||") => {
                    self.end(&mut current);
                    self.out.chain = false;
                }
                '|' => {
                    self.at += 1;
                    self.take("&");
                    self.out.pipes = true;
                    self.out.chain = false;
                    self.end(&mut current);
                }
                '&' | ';' => {
                    let next_case = cases > 0 && self.rest().starts_with(";;");
                    while matches!(self.peek(), Some('&' | ';')) {
                        self.at += 1;
                    }
                    self.out.chain = false;
                    self.end(&mut current);
                    current.pattern = next_case;
                }
                '(' => {
                    self.at += 1;
                    self.out.chain = false;
                    if current.words.is_empty() && self.take("(") {
                        self.arithmetic()?;
                    } else if current.words.len() == 1 && self.take(")") {
                        // A function's name.
                        current = Current { index: self.out.commands.len(), ..Current::default() };
                    } else if current.words.is_empty() {
                        self.list(Some(')'), depth + 1)?;
                    } else {
                        return None;
                    }
                }
                ')' => return None,
                '<' | '>' => self.redirection(depth, &mut current)?,
                _ => {
                    let word = self.word(depth)?;
                    // The number before a redirection belongs to it.
                    let number = !word.text.is_empty() && word.text.bytes().all(|b| b.is_ascii_digit());
                    if !(number && matches!(self.peek(), Some('<' | '>'))) {
                        self.add(&mut current, word, &mut cases, depth)?;
                    }
                }
            }
        }
    }

    fn add(&mut self, current: &mut Current, word: Word, cases: &mut usize, depth: usize) -> Option<()> {
        if current.pattern {
            if word.text == "esac" && !word.quoted {
                (current.pattern, *cases) = (false, cases.saturating_sub(1));
            }
            return Some(());
        }
        if current.dropped {
            if word.text == "in" && current.words.len() == 1 && !word.quoted {
                // `case word in`: what comes next is a pattern.
                *current = Current { index: self.out.commands.len(), pattern: true, ..Current::default() };
            }
            return Some(());
        }
        if current.words.is_empty() && self.assigns(&word) {
            let array = self.source.text[word.range.clone()].ends_with('=') && self.take("(");
            return if array { self.list(Some(')'), depth + 1) } else { Some(()) };
        }
        if current.words.is_empty() && !word.quoted {
            match word.text.as_str() {
                "if" | "then" | "elif" | "else" | "while" | "until" | "do" | "!" | "time" | "{" | "}" | "fi"
                | "done" => {
                    self.out.chain = self.out.chain && matches!(word.text.as_str(), "!" | "time");
                    return Some(());
                }
                "for" | "select" | "function" | "[" => {
                    self.out.chain &= word.text == "[";
                    current.dropped = true;
                    return Some(());
                }
                "case" => {
                    self.out.chain = false;
                    *cases += 1;
                    current.dropped = true;
                    // Tells it from `for`.
                    current.words.push(Word::default());
                    return Some(());
                }
                "esac" => {
                    *cases = cases.saturating_sub(1);
                    return Some(());
                }
                "[[" => {
                    let end = self.rest().find("]]")?;
                    self.at += end + 2;
                    return Some(());
                }
                _ => {}
            }
        }
        current.words.push(word);
        Some(())
    }

    /// `name=…`, whose name is neither quoted nor expanded.
    fn assigns(&self, word: &Word) -> bool {
        let raw = &self.source.text[word.range.clone()];
        raw.split_once('=').is_some_and(|(name, _)| {
            let name = name.strip_suffix('+').unwrap_or(name);
            let name = name.split_once('[').filter(|(_, index)| index.ends_with(']')).map_or(name, |(name, _)| name);
            !name.is_empty()
                && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
                && !name.starts_with(|c: char| c.is_ascii_digit())
        })
    }

    fn end(&mut self, current: &mut Current) {
        let done = std::mem::replace(current, Current { index: 0, ..Current::default() });
        let mut words = done.words.into_iter();
        if let Some(first) = words.next().filter(|first| first.literal && !done.dropped) {
            let args: Vec<Word> = words.collect();
            let wrapper = matches!(first.text.as_str(), "busybox" | "builtin" | "command" | "run" | "exec");
            let inner = args.first().filter(|arg| wrapper && !arg.text.starts_with('-'));
            let named = match inner {
                Some(inner) if !inner.literal => None,
                Some(inner) => Some((inner.text.clone(), inner.range.clone())),
                None => Some((first.text, first.range)),
            };
            if let Some((name, range)) = named {
                let args =
                    args.into_iter().map(|arg| Arg { span: self.source.span(arg.range), text: arg.text }).collect();
                let index = done.index.min(self.out.commands.len());
                self.out.commands.insert(index, Cmd { name, args, span: self.source.span(range) });
            }
        }
        current.index = self.out.commands.len();
    }

    /// After `((` or `$((`, up to `))`.
    fn arithmetic(&mut self) -> Option<()> {
        let end = self.rest().find("))")?;
        self.at += end + 2;
        Some(())
    }

    fn redirection(&mut self, depth: usize, current: &mut Current) -> Option<()> {
        let heredoc = self.rest().starts_with("<<") && !self.rest().starts_with("<<<");
        let process = self.rest().starts_with("<(") || self.rest().starts_with(">(");
        if process {
            let start = self.at;
            self.at += 2;
            self.list(Some(')'), depth + 1)?;
            current.words.push(Word { range: start..self.at, ..Word::default() });
            return Some(());
        }
        while self.peek().is_some_and(|c| matches!(c, '<' | '>' | '&' | '|')) {
            self.at += 1;
        }
        let chomp = heredoc && self.take("-");
        let word = self.redirected(depth)?;
        if heredoc {
            self.heredocs.push((word, chomp));
        }
        Some(())
    }

    /// The word after a redirection.
    fn redirected(&mut self, depth: usize) -> Option<String> {
        while matches!(self.peek(), Some(' ' | '\t')) {
            self.at += 1;
        }
        if self.rest().starts_with("<(") || self.rest().starts_with(">(") {
            self.at += 2;
            self.list(Some(')'), depth + 1)?;
            return Some(String::new());
        }
        self.word(depth).map(|word| word.text)
    }

    fn skip_heredocs(&mut self) {
        for (name, chomp) in std::mem::take(&mut self.heredocs) {
            while !self.rest().is_empty() {
                let line = self.rest().split_inclusive('\n').next().unwrap_or_default().to_owned();
                self.at += line.len();
                let line = line.trim_end_matches('\n');
                if (if chomp { line.trim_start_matches('\t') } else { line }) == name {
                    break;
                }
            }
        }
    }

    fn word(&mut self, depth: usize) -> Option<Word> {
        let mut word = Word { literal: true, range: self.at..self.at, ..Word::default() };
        while let Some(c) = self.peek() {
            match c {
                ' ' | '\t' | '\r' | '\n' | ';' | '&' | '|' | '<' | '>' | '(' | ')' => break,
                '\'' => {
                    self.at += 1;
                    let end = self.rest().find('\'')?;
                    word.text.push_str(&self.source.text[self.at..self.at + end]);
                    self.at += end + 1;
                    word.quoted = true;
                }
                '"' => {
                    self.at += 1;
                    word.quoted = true;
                    self.double(&mut word, depth)?;
                }
                '\\' => {
                    self.at += 1;
                    match self.bump() {
                        Some('\n') | None => {}
                        Some(c) => word.text.push(c),
                    }
                    word.quoted = true;
                }
                '$' => self.dollar(&mut word, depth)?,
                '`' if self.ticked => break,
                '`' => self.backticks(&mut word, depth)?,
                '{' => self.brace(&mut word),
                c => {
                    self.at += c.len_utf8();
                    word.text.push(c);
                }
            }
        }
        word.range.end = self.at;
        Some(word)
    }

    fn double(&mut self, word: &mut Word, depth: usize) -> Option<()> {
        loop {
            match self.peek()? {
                '"' => {
                    self.at += 1;
                    return Some(());
                }
                '\\' => {
                    self.at += 1;
                    let c = self.bump()?;
                    match c {
                        '\n' => {}
                        '$' | '`' | '"' | '\\' => word.text.push(c),
                        c => word.text.extend(['\\', c]),
                    }
                }
                '$' => self.dollar(word, depth)?,
                '`' if self.ticked => return None,
                '`' => self.backticks(word, depth)?,
                c => {
                    self.at += c.len_utf8();
                    word.text.push(c);
                }
            }
        }
    }

    fn backticks(&mut self, word: &mut Word, depth: usize) -> Option<()> {
        self.at += 1;
        let before = std::mem::take(&mut self.out.chain);
        self.ticked = true;
        self.list(Some('`'), depth + 1)?;
        self.ticked = false;
        self.out.chain = before;
        word.literal = false;
        word.text.push_str("${VAR}");
        Some(())
    }

    fn dollar(&mut self, word: &mut Word, depth: usize) -> Option<()> {
        self.at += 1;
        if self.take("((") {
            self.arithmetic()?;
            word.text.push_str("${VAR}");
        } else if self.take("(") {
            let (chain, before) = (self.out.chain, self.out.commands.len());
            self.list(Some(')'), depth + 1)?;
            self.out.chain = chain;
            word.text.push_str("${");
            for command in self.out.commands.get(before..).unwrap_or_default() {
                word.text.push_str(&command.name);
                command.args.iter().for_each(|arg| word.text.push_str(&arg.text));
            }
            word.text.push('}');
        } else if self.take("{") {
            let start = self.at;
            let mut open = 1;
            while open > 0 {
                match self.bump()? {
                    '\\' => {
                        self.bump();
                    }
                    '{' => open += 1,
                    '}' => open -= 1,
                    _ => {}
                }
            }
            word.text.push_str("${");
            word.text.push_str(&self.source.text[start..self.at]);
        } else if word.text.is_empty() && self.take("'") {
            loop {
                match self.bump()? {
                    '\'' => break,
                    '\\' => word.text.extend(self.bump()),
                    c => word.text.push(c),
                }
            }
            word.quoted = true;
            return Some(());
        } else {
            let start = self.at;
            match self.peek() {
                Some(c) if c.is_ascii_alphabetic() || c == '_' => {
                    while self.peek().is_some_and(|c| c.is_ascii_alphanumeric() || c == '_') {
                        self.at += 1;
                    }
                }
                Some('0'..='9' | '@' | '*' | '#' | '?' | '-' | '$' | '!') => self.at += 1,
                _ => {
                    word.text.push('$');
                    return Some(());
                }
            }
            word.text.push_str("${");
            word.text.push_str(&self.source.text[start..self.at]);
            word.text.push('}');
        }
        word.literal = false;
        Some(())
    }

    /// `{a,b}` stands for several words; what they are is not looked at.
    fn brace(&mut self, word: &mut Word) {
        let end = self.rest().find(|c: char| c.is_whitespace() || c == '}');
        let inner = end.filter(|end| self.rest()[*end..].starts_with('}')).map(|end| &self.rest()[1..end]);
        if inner.is_some_and(|inner| inner.contains(',') || inner.contains("..")) {
            self.at += end.unwrap_or(0) + 1;
            word.literal = false;
        } else {
            self.at += 1;
            word.text.push('{');
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Script {
        let mut source = Source::default();
        source.push(text, 0);
        Script::new(source)
    }

    fn shown(text: &str) -> Vec<String> {
        let line = |cmd: &Cmd| {
            std::iter::once(cmd.name.as_str())
                .chain(cmd.args.iter().map(|arg| arg.text.as_str()))
                .collect::<Vec<_>>()
                .join("|")
        };
        read(text).commands.iter().map(line).collect()
    }

    #[test]
    fn commands_are_found_wherever_they_stand() {
        for (text, commands) in [
            ("a b && c || d; e & f", vec!["a|b", "c", "d", "e", "f"]),
            ("X=1 Y=\"2 3\" a $b ${c:-d e}", vec!["a|${b}|${c:-d e}"]),
            ("if [ -f x ]; then a; elif b; then c; else d; fi", vec!["a", "b", "c", "d"]),
            ("for x in 1 $(a b); do c $x; done", vec!["a|b", "c|${x}"]),
            ("while ! a; do b; done | c", vec!["a", "b", "c"]),
            ("case $x in a|b) c ;; *) d;; esac && e", vec!["c", "d", "e"]),
            ("f() { a; } && (b; c) >x 2>&1 <y", vec!["a", "b", "c"]),
            ("a \"b $(c 'd e') f\" `g`", vec!["a|b ${cd e} f|${VAR}", "c|d e", "g"]),
            ("[[ a && b ]] && c; x=$((1+2)); d $((3)) # e && f", vec!["c", "d|${VAR}"]),
            ("a 'b\\' c\\ d \\\n e", vec!["a|b\\|c d|e"]),
            ("command a b; $x a; exec -a y z", vec!["a|a|b", "exec|-a|y|z"]),
            ("cat <<E > x\nrm -rf /\nE\nb {c,d} e", vec!["cat", "b||e"]),
            ("a 'open", vec![]),
            ("(a", vec![]),
            ("a <(b c) d", vec!["a||d", "b|c"]),
        ] {
            assert_eq!(shown(text), commands, "{text:?}");
        }
        assert!(read("a | b").pipes && !read("a || b").pipes);
        assert!(read("a && b -c").chain && !read("a; b").chain && !read("a | b").chain);
    }

    #[test]
    fn flags_take_their_values() {
        let script = read("apt-get -yq -t x install --foo=1 a=2 -- b -");
        let cmd = &script.commands[0];
        assert!(cmd.has_flag(&["q"]) && cmd.has_flag(&["foo"]) && !cmd.has_flag(&["install"]));
        let plain: Vec<_> = cmd.plain(&["t"]).iter().map(|arg| arg.text.as_str()).collect();
        assert_eq!(plain, ["install", "a=2", "--", "b", "-"]);
        assert_eq!(cmd.values("t"), ["x"]);
        assert_eq!(&script.text[cmd.args[3].span.clone()], "install");
    }

    #[test]
    fn deep_nesting_ends() {
        assert!(read(&"$(".repeat(5000)).commands.is_empty());
        assert!(read(&"a $(".repeat(20)).commands.is_empty());
        assert_eq!(read(&format!("{}{}", "a $(".repeat(20), ")".repeat(20))).commands.len(), 20);
    }
}
