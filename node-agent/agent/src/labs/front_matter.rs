//! The YAML between two `---` lines at the top of a lab. Keys that other sites use and we do not are let be.

use serde::Deserialize;

use super::Mistake;

const REMEDY: &str = "begin the file with a line `---`, then `title: …`, then a line `---`";
const MOST_TERMS: u8 = 5;

/// What the front matter says.
#[derive(Debug, Deserialize)]
pub(super) struct FrontMatter {
    pub(super) title: String,
    #[serde(default)]
    pub(super) description: String,
    #[serde(default)]
    pub(super) author: String,
    #[serde(default, deserialize_with = "words")]
    pub(super) tags: Vec<String>,
    #[serde(default = "one")]
    pub(super) terms: u8,
}

fn one() -> u8 {
    1
}

/// A list, or as older labs write it, one string with commas.
fn words<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Words {
        List(Vec<String>),
        Text(String),
        Nothing(()),
    }
    Ok(match Words::deserialize(deserializer)? {
        Words::List(list) => list,
        Words::Text(text) => {
            text.split(',').map(|word| word.trim().to_owned()).filter(|word| !word.is_empty()).collect()
        }
        Words::Nothing(()) => Vec::new(),
    })
}

/// Splits a lab into its front matter, its body, and the body's first line number (from 1).
pub(super) fn parse(text: &str) -> Result<(FrontMatter, &str, usize), Mistake> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut lines = text.split_inclusive('\n');
    let is_fence = |line: &str| line.trim_end() == "---";
    let Some(first) = lines.next().filter(|line| is_fence(line)) else {
        return Err(Mistake::at(1, format!("there is no front matter: {REMEDY}")));
    };
    let mut end = first.len();
    let mut count = 1;
    for line in lines {
        count += 1;
        if is_fence(line) {
            let front = read(&text[first.len()..end])?;
            return Ok((front, &text[end + line.len()..], count + 1));
        }
        end += line.len();
    }
    Err(Mistake::at(1, format!("the front matter has no end: {REMEDY}")))
}

fn read(yaml: &str) -> Result<FrontMatter, Mistake> {
    if yaml.trim().is_empty() {
        return Err(Mistake::at(1, format!("the front matter is empty: {REMEDY}")));
    }
    let front: FrontMatter = serde_saphyr::from_str(yaml).map_err(|error| {
        // Its own lines start at 1 after the opening `---`; the first line of its text says all, the rest is a picture.
        let line = error.location().map_or(1, |location| location.line() as usize + 1);
        let text = error.without_snippet().to_string();
        let text = text.lines().next().unwrap_or_default();
        // Its own place counts from another line than the file does.
        let text = text.rsplit_once(" at line ").map_or(text, |(text, _)| text);
        Mistake::at(line, format!("the front matter cannot be read: {text}"))
    })?;
    if front.title.trim().is_empty() {
        return Err(Mistake::at(1, "the lab has an empty title: write `title: …` in the front matter"));
    }
    if front.terms > MOST_TERMS {
        let message = format!("terms: {} is too many: a lab has 0 to {MOST_TERMS} terminals", front.terms);
        return Err(Mistake::at(1, message));
    }
    Ok(front)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_front_matter_of_existing_labs_is_read() {
        let text = "---\r\nlayout: post\r\ntitle: \"A: b\"\r\ntags: [linux, operations]\r\nterms: 2\r\nimg: x.png\r\n---\r\nText\r\n";
        let (front, body, line) = parse(text).expect("a lab");
        assert_eq!((front.title.as_str(), front.terms, body, line), ("A: b", 2, "Text\r\n", 8));
        assert_eq!(front.tags, ["linux", "operations"]);
        let (front, ..) = parse("---\ntitle: T\ntags: linux, ops\n---\n").expect("a lab");
        assert_eq!((front.tags.as_slice(), front.terms), (&["linux".to_owned(), "ops".to_owned()][..], 1));
    }

    #[test]
    fn broken_front_matter_is_told_with_line_and_remedy() {
        let cases = [
            ("# Text", 1, "no front matter"),
            ("", 1, "no front matter"),
            ("---\ntitle: x\n", 1, "has no end"),
            ("---\n---\n", 1, "is empty"),
            ("---\ntitle: x\nterms: many\n---\n", 3, "cannot be read"),
            ("---\ntitle: x\ntags: [a, b\nterms: 1\n---\n", 4, "cannot be read"),
            ("---\ndescription: x\n---\n", 2, "title"),
            ("---\ntitle: ''\n---\n", 1, "empty title"),
            ("---\ntitle: x\nterms: 99\n---\n", 1, "0 to 5"),
        ];
        for (text, line, word) in cases {
            let mistake = parse(text).expect_err(text);
            assert!(mistake.message.contains(word), "{text:?}: {}", mistake.message);
            assert!(!mistake.message.contains('\n'), "{text:?}: {}", mistake.message);
            assert_eq!(mistake.line, Some(line), "{text:?}: {}", mistake.message);
        }
    }
}
