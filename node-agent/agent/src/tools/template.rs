//! `node-agent template FORMAT`: docker's `--format` for any JSON on standard input. Exit codes are those of `docker inspect --format`:
//! 64 for a template that cannot be parsed, 1 for one that does not fit the data (and for input that is no JSON), 125 for a wrong command line.

use std::ffi::OsString;
use std::io::{ErrorKind, Read, Write};
use std::process::ExitCode;

use clap::{Parser, ValueEnum};
use engine_wasm::template::{Error, Format, MissingKey, Options, place, rows};
use serde_json::{Value, json};

use super::MAX_INPUT;

const EXIT_FAILED: u8 = 1;
const EXIT_PARSE: u8 = 64;
const EXIT_USAGE: u8 = 125;

/// Formats JSON from standard input with a Go template and docker's template functions.
///
/// FORMAT is what docker's --format takes: a template, `table TEMPLATE` (aligned columns under headings, a row for each element of an array) or
/// `json` (each document on one line). Several documents behind each other, as `docker ps --format json` prints them, are a row each.
#[derive(Parser)]
#[command(name = "node-agent template")]
struct Cli {
    /// The format; `\t` and `\n` in it stand for a tab and a line end.
    format: String,
    /// Run the template on each element of an array instead of the whole.
    #[arg(long)]
    each: bool,
    /// What a key gives that is not there.
    #[arg(long, value_name = "WHAT", value_enum, default_value_t = Missing::Default)]
    missing_key: Missing,
    /// Print errors as one JSON object a line: message, line, column.
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Missing {
    /// `<no value>`, as in docker's lists.
    Default,
    /// The same, Go's zero value.
    Zero,
    /// An error, as in docker inspect.
    Error,
}

/// Why nothing is printed.
struct Failure {
    message: String,
    code: u8,
}

/// `node-agent template …`: the arguments after the word `template` in, the exit code out.
pub(crate) fn main(args: Vec<OsString>) -> ExitCode {
    let wants_json = args.iter().any(|arg| arg == "--json");
    let cli = match Cli::try_parse_from(std::iter::once(OsString::from("node-agent template")).chain(args)) {
        Ok(cli) => cli,
        Err(error) if !error.use_stderr() => {
            let _ = error.print();
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            if wants_json {
                let text = error.render().to_string();
                let message = text.lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned();
                report(&Failure { message, code: EXIT_USAGE }, true);
            } else {
                let _ = error.print();
            }
            return ExitCode::from(EXIT_USAGE);
        }
    };
    match run(&cli, std::io::stdin().lock()) {
        Ok(text) => {
            let mut out = std::io::stdout().lock();
            match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
                // A reader that has seen enough and closed the pipe has got what it wanted.
                Err(error) if error.kind() != ErrorKind::BrokenPipe => {
                    let message = format!("writing standard output: {error}");
                    report(&Failure { message, code: EXIT_FAILED }, cli.json);
                    ExitCode::from(EXIT_FAILED)
                }
                _ => ExitCode::SUCCESS,
            }
        }
        Err(failure) => {
            report(&failure, cli.json);
            ExitCode::from(failure.code)
        }
    }
}

fn report(failure: &Failure, as_json: bool) {
    if as_json {
        let place = place(&failure.message);
        let (line, column) = (place.map(|(line, _)| line), place.and_then(|(_, column)| column));
        eprintln!("{}", json!({ "message": failure.message, "line": line, "column": column }));
    } else {
        eprintln!("{}", failure.message);
    }
}

/// Everything but the streams: the whole output, or why there is none.
fn run(cli: &Cli, mut input: impl Read) -> Result<String, Failure> {
    let failed = |message: String| Failure { message, code: EXIT_FAILED };
    let mut bytes = Vec::new();
    let read = input.by_ref().take(MAX_INPUT + 1).read_to_end(&mut bytes);
    read.map_err(|error| failed(format!("reading standard input: {error}")))?;
    if bytes.len() as u64 > MAX_INPUT {
        return Err(failed(format!("standard input has more than {} MiB", MAX_INPUT >> 20)));
    }
    let documents: Vec<Value> = serde_json::Deserializer::from_slice(&bytes)
        .into_iter()
        .collect::<Result<_, _>>()
        .map_err(|error| failed(format!("standard input is no JSON: {error}")))?;
    if documents.is_empty() {
        return Err(failed("there is no JSON on standard input".to_owned()));
    }
    let missing_key = match cli.missing_key {
        Missing::Default => MissingKey::Default,
        Missing::Zero => MissingKey::Zero,
        Missing::Error => MissingKey::Error,
    };
    let options = Options { missing_key, ..Options::default() };
    let write = |data: &Value| {
        rows(&cli.format, data, &options).map_err(|error| match error {
            Error::Parse(text) => Failure { message: format!("template parsing error: {text}"), code: EXIT_PARSE },
            other => Failure { message: format!("template parsing error: {other}"), code: EXIT_FAILED },
        })
    };
    let table = matches!(Format::parse(&cli.format), Format::Table(_));
    match documents.as_slice() {
        // One table for all rows, so that the columns agree.
        many @ [_, _, ..] if table => write(&Value::Array(many.to_vec())),
        [Value::Array(elements)] if cli.each && !table => elements.iter().map(write).collect(),
        documents => documents.iter().map(write).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(args: &[&str], input: &str) -> Result<String, (String, u8)> {
        let cli = Cli::try_parse_from(std::iter::once("template").chain(args.iter().copied())).expect("a command line");
        run(&cli, input.as_bytes()).map_err(|failure| (failure.message, failure.code))
    }

    #[test]
    fn a_document_is_rendered_as_docker_does() {
        let input = r#"{"ID":"4c01","Names":["web","proxy"]}"#;
        assert_eq!(shown(&[r#"{{.ID}}: {{join .Names ", "}}"#], input).as_deref(), Ok("4c01: web, proxy\n"));
        assert_eq!(shown(&["json"], "{ \"b\": [1, 2] }").as_deref(), Ok("{\"b\":[1,2]}\n"));
    }

    #[test]
    fn documents_behind_each_other_are_rows() {
        let input = "{\"ID\":\"a\",\"Name\":\"x\"}\n{\"ID\":\"long-one\",\"Name\":\"y\"}\n";
        assert_eq!(shown(&["{{.ID}}"], input).as_deref(), Ok("a\nlong-one\n"));
        let table = shown(&[r"table {{.ID}}\t{{.Name}}"], input);
        assert_eq!(table.as_deref(), Ok("ID         NAME\na          x\nlong-one   y\n"));
    }

    #[test]
    fn an_array_is_the_document_unless_each_is_asked_for() {
        assert_eq!(shown(&["{{len .}}"], "[1,2,3]").as_deref(), Ok("3\n"));
        assert_eq!(shown(&["--each", "{{.}}"], "[1,2,3]").as_deref(), Ok("1\n2\n3\n"));
        assert_eq!(shown(&["--each", "table {{.ID}}"], "[{\"ID\":1}]").as_deref(), Ok("ID\n1\n"));
    }

    #[test]
    fn exit_codes_tell_a_bad_template_from_bad_data() {
        assert_eq!(
            shown(&["{{"], "{}"),
            Err(("template parsing error: template: :1: unclosed action".to_owned(), EXIT_PARSE))
        );
        let missing = shown(&["--missing-key", "error", "{{.Foo}}"], "{}").expect_err("there is no Foo");
        assert_eq!(missing.1, EXIT_FAILED);
        assert!(missing.0.ends_with("map has no entry for key \"Foo\""), "{}", missing.0);
        assert_eq!(shown(&["x"], "{").expect_err("no JSON").1, EXIT_FAILED);
        assert_eq!(shown(&["x"], "").expect_err("nothing").0, "there is no JSON on standard input");
        assert_eq!(shown(&["raw"], "{}").expect_err("raw is a command's").1, EXIT_PARSE);
    }
}
