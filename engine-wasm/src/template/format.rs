//! The `--format` flag around the template: the words and prefixes that the docker command takes off before Go sees it (`docker/cli`, `cli/command/formatter/formatter.go`).

/// What a `--format` value asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Format<'a> {
    /// The command's own table: no format given, or `table`.
    DefaultTable,
    /// `table TEMPLATE`: rows from the template under a header row, aligned.
    Table(&'a str),
    /// `json`: a JSON document a line, as `{{json .}}`.
    Json,
    /// `raw`: the command's own `key: value` blocks, where it has them.
    Raw,
    /// `pretty`: the command's own long form, where it has one.
    Pretty,
    /// A template for each row, without a header.
    Template(&'a str),
}

impl<'a> Format<'a> {
    /// Reads the flag's value.
    pub fn parse(flag: &'a str) -> Self {
        match flag {
            "" | "table" => Self::DefaultTable,
            "json" => Self::Json,
            "raw" => Self::Raw,
            "pretty" => Self::Pretty,
            _ => match flag.strip_prefix("table") {
                Some(template) => Self::Table(template.trim_matches(' ')),
                None => Self::Template(flag),
            },
        }
    }
}

/// Turns the two characters `\t` into a tab and `\n` into a line end, which a shell seldom lets one type; docker does so for every list format.
pub fn unescape(format: &str) -> String {
    format.trim_matches(' ').replace("\\t", "\t").replace("\\n", "\n")
}
