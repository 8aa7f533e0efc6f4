//! What a registry wants to see before it answers: the `WWW-Authenticate` header (RFC 7235, 4.1). Pure.

use http::HeaderMap;
use http::header::WWW_AUTHENTICATE;

/// More challenges than this in one answer are not looked at.
const MAX_CHALLENGES: usize = 16;

/// One way to authenticate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Challenge {
    /// `basic`, `bearer`; lower case.
    pub(crate) scheme: String,
    parameters: Vec<(String, String)>,
}

impl Challenge {
    /// A parameter by its lower-case name; empty where there is none.
    pub(crate) fn get(&self, name: &str) -> &str {
        self.parameters.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value)
    }
}

/// All challenges of an answer, in order.
pub(crate) fn parse(headers: &HeaderMap) -> Vec<Challenge> {
    let mut found = Vec::new();
    for value in headers.get_all(WWW_AUTHENTICATE) {
        if let Ok(text) = value.to_str() {
            parse_one(text, &mut found);
        }
    }
    found.truncate(MAX_CHALLENGES);
    found
}

fn parse_one(text: &str, found: &mut Vec<Challenge>) {
    let mut rest = text.trim_start_matches([' ', ',', '\t']);
    while !rest.is_empty() {
        let (word, after) = token(rest);
        if word.is_empty() {
            return;
        }
        let next = after.trim_start_matches([' ', '\t']);
        if let Some(value) = next.strip_prefix('=') {
            // A parameter of the challenge that came before.
            let (value, after) = value_of(value.trim_start_matches([' ', '\t']));
            if let Some(last) = found.last_mut() {
                last.parameters.push((word.to_ascii_lowercase(), value));
            }
            rest = after;
        } else {
            found.push(Challenge { scheme: word.to_ascii_lowercase(), parameters: Vec::new() });
            rest = next;
        }
        rest = rest.trim_start_matches([' ', ',', '\t']);
    }
}

fn token(text: &str) -> (&str, &str) {
    let end = text.find(|c: char| !(c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c)));
    text.split_at(end.unwrap_or(text.len()))
}

fn value_of(text: &str) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find([',', ' ', '\t']).unwrap_or(text.len());
        return (text[..end].to_owned(), &text[end..]);
    };
    let mut value = String::new();
    let mut chars = quoted.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return (value, &quoted[at + 1..]),
            '\\' => value.extend(chars.next().map(|(_, c)| c)),
            c => value.push(c),
        }
    }
    (value, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: &[&str]) -> Vec<Challenge> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(WWW_AUTHENTICATE, value.parse().unwrap());
        }
        parse(&headers)
    }

    #[test]
    fn bearer_and_basic_are_understood() {
        let one = of(&[r#"Bearer realm="https://a/token?x=1,2",service="reg",scope="repository:a/b:pull,push""#]);
        assert_eq!(one[0].scheme, "bearer");
        assert_eq!(one[0].get("realm"), "https://a/token?x=1,2");
        assert_eq!(one[0].get("scope"), "repository:a/b:pull,push");
        assert_eq!(one[0].get("error"), "");
        let two = of(&[r#"Basic realm="Reg \"one\"", Bearer realm=x, service = y"#, "Negotiate"]);
        assert_eq!(two.iter().map(|c| c.scheme.as_str()).collect::<Vec<_>>(), ["basic", "bearer", "negotiate"]);
        assert_eq!((two[0].get("realm"), two[1].get("service")), ("Reg \"one\"", "y"));
    }

    #[test]
    fn nonsense_ends_the_reading() {
        for text in ["", "=", "Bearer realm=\"open", "\u{7f}", "a=b", ",,,", "Bearer realm"] {
            let _ = text.parse::<http::HeaderValue>().map(|_| of(&[text]));
        }
        assert_eq!(of(&["Bearer realm=\"open"])[0].get("realm"), "open");
        assert!(of(&[&"Basic,".repeat(1000)]).len() <= MAX_CHALLENGES);
    }
}
