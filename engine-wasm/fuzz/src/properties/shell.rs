//! Shell words: plain text stays as it is, an environment is asked for what is reported, and the same question has the same answer.

use std::collections::BTreeMap;

use engine_wasm::dockerfile::shell::{Lexer, NoEnv};

use super::halves;

/// The first byte chooses the lexer's settings, the text up to a NUL is the word; what follows are values of `x`, `y` and `abc`, a line each.
pub fn shell(data: &[u8]) {
    let Some((settings, data)) = data.split_first() else { return };
    let (word, values) = halves(data);
    let (word, values) = (&*String::from_utf8_lossy(word), String::from_utf8_lossy(values));
    let bit = |number: u8| settings >> number & 1 == 1;
    let lexer = Lexer {
        raw_quotes: bit(1),
        raw_escapes: bit(2),
        skip_process_quotes: bit(3),
        skip_unset_env: bit(4),
        ..Lexer::new(if bit(0) { '`' } else { '\\' })
    };
    let env: BTreeMap<String, String> =
        ["x", "y", "abc"].into_iter().map(str::to_owned).zip(values.split('\n').map(str::to_owned)).collect();

    let result = lexer.word(word, &env);
    assert_eq!(result, lexer.word(word, &env));
    match &result {
        Ok(expansion) => {
            assert!(expansion.matched.iter().all(|name| env.contains_key(name)), "{:?}", expansion.matched);
            assert!(expansion.unmatched.iter().all(|name| !env.contains_key(name)), "{:?}", expansion.unmatched);
            if !word.contains(['$', '\'', '"', lexer.escape]) {
                assert_eq!(expansion.text, word);
            }
        }
        Err(error) => {
            assert_eq!(error.word, word);
            assert!(error.to_string().starts_with("failed to process "));
        }
    }
    let words = lexer.words(word, &env);
    assert_eq!(words.is_ok(), result.is_ok(), "word and words disagree");
    if let Ok(words) = words {
        assert!(words.iter().all(|word| !word.is_empty()));
    }
    let _ = lexer.words(word, &NoEnv);
}
