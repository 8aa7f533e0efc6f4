//! The template engine in the three ways in which docker's commands run it: over rows, over a heading, and strictly over inspected objects.

use crate::template::{Error, FunctionSet, MissingKey, Options};
use serde_json::Value;

/// A parsed template.
#[derive(Debug)]
pub struct Template(crate::template::Template);

impl Template {
    /// Parses a template.
    ///
    /// # Errors
    /// Go's text.
    pub fn parse(name: &str, text: &str) -> Result<Self, Error> {
        crate::template::Template::parse(name, text).map(Self)
    }

    /// Renders; what is missing is `<no value>`.
    ///
    /// # Errors
    /// Go's text.
    pub fn render(&self, value: &Value) -> Result<String, Error> {
        self.0.render(value)
    }

    /// Renders; what is missing is an error.
    ///
    /// # Errors
    /// Go's text.
    pub fn render_strict(&self, value: &Value) -> Result<String, Error> {
        let options = Options { missing_key: MissingKey::Error, ..Options::default() };
        self.0.render_with(value, &options)
    }

    /// Renders the headings: functions do nothing.
    ///
    /// # Errors
    /// Go's text.
    pub fn render_header(&self, value: &Value) -> Result<String, Error> {
        let options = Options { functions: FunctionSet::DockerHeader, ..Options::default() };
        self.0.render_with(value, &options)
    }
}
