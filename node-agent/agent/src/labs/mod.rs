//! Labs: Markdown files with front matter, as the Play-with-Docker training site had them, turned into what the page shows.
//! A lab that cannot be read is reported with its place and does not keep the others from being served.

mod front_matter;
mod render;
mod shelf;

use std::{fmt, path::PathBuf};

use serde::Serialize;

pub use shelf::{Shelf, check_main};

/// A lab, ready to be shown.
#[derive(Clone, Debug, Serialize)]
pub struct Lab {
    /// Its name in addresses: the folder's or file's name.
    pub slug: String,
    /// Its title.
    pub title: String,
    /// One or two sentences for the list; may be empty.
    pub description: String,
    /// Who wrote it; may be empty.
    pub author: String,
    /// Words to find it by.
    pub tags: Vec<String>,
    /// Number of terminals beside the text, 0 to 5; terminal *n* is on node *n*.
    pub terms: u8,
    /// The text.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub html: String,
}

/// A mistake in a lab, for its author.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct LabError {
    /// The file.
    pub file: PathBuf,
    /// The line, counted from 1, where there is one.
    pub line: Option<usize>,
    /// What is wrong and what to do.
    pub message: String,
}

impl fmt::Display for LabError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.file.display())?;
        if let Some(line) = self.line {
            write!(f, "{line}:")?;
        }
        write!(f, " {}", self.message)
    }
}

/// A mistake before it is known in which file.
#[derive(Debug, PartialEq, Eq)]
struct Mistake {
    line: Option<usize>,
    message: String,
}

impl Mistake {
    fn at(line: usize, message: impl Into<String>) -> Self {
        Self { line: Some(line), message: message.into() }
    }
}

/// Reads a lab's text.
///
/// # Errors
/// Every mistake found, each with its line where it has one.
fn parse(slug: &str, text: &str) -> Result<Lab, Vec<Mistake>> {
    let (front, body, first_line) = front_matter::parse(text).map_err(|mistake| vec![mistake])?;
    let html = render::html(body, first_line, front.terms)?;
    Ok(Lab {
        slug: slug.to_owned(),
        title: front.title,
        description: front.description,
        author: front.author,
        tags: front.tags,
        terms: front.terms,
        html,
    })
}
