//! A `--format` over any JSON: what docker's list commands do with it, for data of which nothing is known but its text.
//! A command's own words (`raw`, `pretty`, its default table) need the command; they are errors here.

use serde_json::Value;

use super::{Error, Format, FunctionSet, Options, Template, to_json, unescape};
use crate::tabwriter::TabWriter;

/// Writes data by a format, each row ended by a line end: with `table TEMPLATE` aligned under headings, a row for each element of an array;
/// with `json` the document on one line; with a template, that template run on the document as it stands.
/// A heading is the placeholder's name in capitals, cut where a small letter meets a capital: `.CreatedAt` stands under `CREATED AT`.
///
/// # Errors
/// Those of [`Template::parse`] and [`Template::render`], and [`Error::Parse`] for a format that only a command of docker has.
pub fn rows(format: &str, data: &Value, options: &Options) -> Result<String, Error> {
    match Format::parse(format) {
        Format::Json => Ok(to_json(data, options.key_order) + "\n"),
        Format::DefaultTable | Format::Raw | Format::Pretty => {
            let word = if format.is_empty() { "an empty format" } else { format };
            Err(Error::Parse(format!(
                "{word} stands for a layout that each docker command has of its own; write a template, `table TEMPLATE` or `json`"
            )))
        }
        Format::Template(text) => Ok(Template::parse_with("", &unescape(text), options.clone())?.render(data)? + "\n"),
        Format::Table(text) => {
            let text = unescape(text);
            let template = Template::parse_with("", &text, options.clone())?;
            let mut out = heading(&text, options)? + "\n";
            for row in data.as_array().map_or(std::slice::from_ref(data), Vec::as_slice) {
                out += &template.render(row)?;
                out.push('\n');
            }
            Ok(TabWriter::docker_table().format(&out))
        }
    }
}

/// The template run over the names of its own placeholders. Where that fails (it compares or indexes what it prints), there is no heading to be had,
/// and the line is empty, as with docker.
fn heading(text: &str, options: &Options) -> Result<String, Error> {
    let mut names = serde_json::Map::new();
    for name in placeholders(text) {
        names.insert(name.to_owned(), Value::String(title(name)));
    }
    let options = Options { functions: FunctionSet::DockerHeader, ..options.clone() };
    let template = Template::parse_with("", text, options)?;
    Ok(template.render(&Value::Object(names)).unwrap_or_default())
}

/// The names of fields in a template: `.Name` where nothing that could be a value stands before the dot.
fn placeholders(text: &str) -> impl Iterator<Item = &str> {
    text.match_indices('.').filter_map(|(at, _)| {
        let before = text[..at].chars().next_back();
        if before.is_some_and(|c| c.is_alphanumeric() || matches!(c, '_' | ')' | '"' | '`')) {
            return None;
        }
        let rest = &text[at + 1..];
        let end = rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len());
        (end > 0).then(|| &rest[..end])
    })
}

fn title(name: &str) -> String {
    let mut out = String::new();
    let mut small = false;
    for c in name.chars() {
        if small && c.is_uppercase() {
            out.push(' ');
        }
        small = c.is_lowercase();
        out.push(if c == '_' { ' ' } else { crate::golang::case::upper_char(c) });
    }
    out
}

/// Line and, where there is one, column in Go's error text: `template: NAME:LINE:COLUMN: …`, also behind a prefix.
pub fn place(message: &str) -> Option<(usize, Option<usize>)> {
    let rest = &message[message.find("template: ")? + "template: ".len()..];
    // The name is empty in docker's templates, and in others holds no colon and digit by custom.
    let mut numbers = rest.split(':').skip(1);
    let line = numbers.next()?.parse().ok()?;
    Some((line, numbers.next().and_then(|column| column.parse().ok())))
}

#[cfg(test)]
mod tests {

    use super::*;

    fn shown(format: &str, data: &Value) -> String {
        rows(format, data, &Options::default()).unwrap_or_else(|error| format!("error: {error}"))
    }

    #[test]
    fn a_table_has_headings_and_a_row_for_each_element() {
        let data = json!([{"ID": "4c01db0b339c", "CreatedAt": "now"}, {"ID": "b", "CreatedAt": "long ago"}]);
        assert_eq!(
            shown("table {{.ID}}\\t{{.CreatedAt}}", &data),
            "ID             CREATED AT\n4c01db0b339c   now\nb              long ago\n"
        );
        assert_eq!(shown("table {{upper .ID}}", &json!({"ID": "x"})), "ID\nX\n");
    }

    #[test]
    fn a_template_gets_the_document_as_it_stands() {
        assert_eq!(shown("{{range .}}{{.}};{{end}}", &json!([1, 2])), "1;2;\n");
        assert_eq!(shown("json", &json!({"b": [1, null], "a": "<"})), "{\"b\":[1,null],\"a\":\"<\"}\n");
    }

    #[test]
    fn what_only_a_command_has_is_refused() {
        assert!(shown("raw", &json!({})).starts_with("error: raw stands for a layout"));
        assert!(shown("", &json!({})).starts_with("error: an empty format"));
    }

    #[test]
    fn the_place_is_read_from_gos_text() {
        assert_eq!(place("template: :1: unclosed action"), Some((1, None)));
        assert_eq!(place("template parsing error: template: x:2:14: executing …"), Some((2, Some(14))));
        assert_eq!(place("no place"), None);
    }
}
