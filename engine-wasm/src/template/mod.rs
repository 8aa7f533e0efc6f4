//! Go templates (`text/template`) over JSON data, as docker's `--format` uses them.
//! Follows Go's `text/template` and `text/template/parse`, `fmt`, and `docker/cli`'s `templates` and `cli/command/formatter`; results and error texts are theirs.
//! A template from a stranger is safe to run: nesting, steps and output are bounded.
//!
//! ```
//! use engine_wasm::template::Template;
//! let ps = Template::parse("", r#"{{.ID}}: {{join .Names ", "}}"#)?;
//! let text = ps.render(&serde_json::json!({"ID": "4c01db0b339c", "Names": ["web", "proxy"]}))?;
//! assert_eq!(text, "4c01db0b339c: web, proxy");
//! # Ok::<(), engine_wasm::template::Error>(())
//! ```

mod builtins;
mod call;
mod compare;
mod docker;
mod escape;
mod exec;
mod format;
mod json;
mod lex;
mod node;
mod number;
mod parse;
mod rows;
#[cfg(test)]
mod tests;
mod value;

pub use format::{Format, unescape};
pub use json::{KeyOrder, to_json};
pub use rows::{place, rows};

/// A template was not parsed, or not run to its end. Displays as Go's text, without the `template parsing error: ` that some docker commands put before it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The text is no template.
    #[error("{0}")]
    Parse(String),
    /// The template does not fit the data, or met a limit.
    #[error("{0}")]
    Execute(String),
}

/// What a map gives for a key it does not have (`Template.Option("missingkey=…")`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MissingKey {
    /// Nothing, printed as `<no value>`.
    #[default]
    Default,
    /// A nil of the map's element type; for JSON printed the same.
    Zero,
    /// An error: `map has no entry for key "Foo"`. `docker inspect` uses it.
    Error,
}

/// What Go type the numbers in the data have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Numbers {
    /// `int` where they are whole, `uint64` where they are too big for it, else `float64`: as in docker's own structs.
    #[default]
    Integer,
    /// `float64`, as `encoding/json` decodes into an interface.
    Float,
    /// `json.Number`, a string: as `docker inspect` decodes what its structs do not know.
    Text,
}

/// What `null` in the data is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Nulls {
    /// A nil interface: printed as `<no value>`, has no length.
    #[default]
    Untyped,
    /// An empty list: printed as `[]`, of length 0. Most nulls in docker's structs are slices that were never filled.
    EmptyList,
}

/// Which functions there are beside Go's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum FunctionSet {
    /// None.
    Go,
    /// `json split join title lower upper pad truncate`.
    #[default]
    Docker,
    /// The same names for the header row of a table, where all but `pad` give back what they get.
    DockerHeader,
}

/// Beside this key an object of the data names a Go structure's type: a field that [`STRUCT_FIELDS`] does not have is then an error, as
/// Go's check of structures has it. Neither entry is printed, written as JSON or ranged over. No JSON of the engine's has such keys.
pub(crate) const STRUCT_TYPE: &str = "\0type";
/// Beside this key an object of the data holds its fields under their names in Go; without it they are its own entries.
pub(crate) const STRUCT_FIELDS: &str = "\0fields";
/// Beside this key an object of the data holds what its method `Label` looks up; what is no object there makes headings of names.
pub(crate) const LABELS: &str = "\0labels";
/// Beside this key an object of the data holds what `index` gives for a key that it does not have: the zero value of the map's elements.
pub(crate) const MAP_ZERO: &str = "\0zero";
/// Beside this key an object of the data names the type of the map's keys, where that is a string under another name: `index` then refuses strings.
pub(crate) const MAP_KEY: &str = "\0key";
/// An object of the data with this key is nil in Go: a list when it has no other, else a map. It is printed as an empty one, and as JSON it is null.
pub(crate) const NIL: &str = "\0nil";

/// How a template is run. `Options::default()` is what docker's list commands use.
#[derive(Debug, Clone)]
pub struct Options {
    /// What a missing key gives.
    pub missing_key: MissingKey,
    /// The type of numbers.
    pub numbers: Numbers,
    /// What `null` is.
    pub nulls: Nulls,
    /// The functions beside Go's own. Must be the ones the template was parsed with.
    pub functions: FunctionSet,
    /// The order of the entries that `json` writes.
    pub key_order: KeyOrder,
    /// The Go type of the top of the data when that is a struct: a missing field is then the error `can't evaluate field Foo in type *formatter.ContainerContext`.
    pub root_type: Option<String>,
    /// The most bytes of output, and of any string made on the way.
    pub max_output: usize,
    /// The most nodes and iterations run.
    pub max_steps: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            missing_key: MissingKey::default(),
            numbers: Numbers::default(),
            nulls: Nulls::default(),
            functions: FunctionSet::default(),
            key_order: KeyOrder::default(),
            root_type: None,
            max_output: 16 << 20,
            max_steps: 5_000_000,
        }
    }
}

/// A parsed template, ready to run any number of times.
#[derive(Debug)]
pub struct Template {
    name: String,
    text: String,
    trees: parse::Trees,
    options: Options,
}

impl Template {
    /// Parses a template with docker's functions; docker names its templates with the empty string.
    ///
    /// # Errors
    /// [`Error::Parse`] with Go's text and line: `template: :1: unclosed action`.
    pub fn parse(name: &str, text: &str) -> Result<Self, Error> {
        Self::parse_with(name, text, Options::default())
    }

    /// [`Self::parse`] with options, which [`Self::render`] then uses.
    ///
    /// # Errors
    /// As [`Self::parse`].
    pub fn parse_with(name: &str, text: &str, options: Options) -> Result<Self, Error> {
        let functions = options.functions;
        let trees = parse::parse(name, text, &|function| call::is_known(function, functions)).map_err(Error::Parse)?;
        Ok(Self { name: name.to_owned(), text: text.to_owned(), trees, options })
    }

    /// Runs the template over data. Bytes of the output that are no UTF-8 (a character cut by `slice` or `truncate`) become U+FFFD.
    ///
    /// # Errors
    /// [`Error::Execute`] with Go's text and place: `template: :1:2: executing "" at <.Foo>: map has no entry for key "Foo"`.
    pub fn render(&self, data: &serde_json::Value) -> Result<String, Error> {
        self.render_with(data, &self.options)
    }

    /// [`Self::render`] with other options. A function that is not in `options.functions` is then an error when it is called.
    ///
    /// # Errors
    /// As [`Self::render`].
    pub fn render_with(&self, data: &serde_json::Value, options: &Options) -> Result<String, Error> {
        let dot = value::Value::root(data, options);
        let out = exec::Exec::run(&self.name, &self.text, &self.trees, options, dot).map_err(Error::Execute)?;
        Ok(String::from_utf8(out).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()))
    }
}
