//! Finding here-documents in an instruction (`parser/parser.go`, `heredocsFromLine`).

use super::Heredoc;
use super::shell::{Error, Lexer, NoEnv};

/// The here-documents that a logical line announces, their contents still empty.
pub(super) fn in_line(line: &str) -> Result<Vec<Heredoc>, Error> {
    let lexer = Lexer { raw_quotes: true, raw_escapes: true, skip_unset_env: true, ..Lexer::new('\\') };
    // A line the lexer cannot read announces none.
    let words = lexer.words(line, &NoEnv).unwrap_or_default();
    words.iter().filter_map(|word| parse(word).transpose()).collect()
}

/// Reads `3<<-"EOF"`.
pub(super) fn parse(word: &str) -> Result<Option<Heredoc>, Error> {
    let digits = word.bytes().take_while(u8::is_ascii_digit).count();
    let Some(rest) = word[digits..].strip_prefix("<<") else {
        return Ok(None);
    };
    let (chomp, rest) = match rest.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, rest),
    };
    let rest = rest.trim_start_matches([' ', '\t', '\n', '\r', '\u{c}']);
    if rest.is_empty() || rest.contains('<') {
        return Ok(None);
    }
    let lexer = Lexer { skip_unset_env: true, ..Lexer::new('\\') };
    let words = lexer.words(rest, &NoEnv)?;
    let [name] = words.as_slice() else {
        return Ok(None);
    };
    let raw = Lexer { raw_quotes: true, ..lexer }.words(rest, &NoEnv)?;
    let quotes = |text: &str| text.matches(['\'', '"']).count();
    Ok(Some(Heredoc {
        name: name.clone(),
        file_descriptor: word[..digits].parse().unwrap_or(if digits == 0 { 0 } else { u64::MAX }),
        expand: raw.first().is_some_and(|raw| quotes(raw) == quotes(name)),
        chomp,
        content: String::new(),
        span: 0..0,
    }))
}
