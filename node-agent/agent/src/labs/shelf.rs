//! All labs of a folder: `NAME.md` or `NAME/lab.md`, in the order of their names.

use std::{
    ffi::OsString,
    fs, io,
    path::{Path, PathBuf},
    process::ExitCode,
};

use super::{Lab, LabError, parse};

/// Labs are texts; anything larger is a mistake.
const LARGEST: u64 = 4 * 1024 * 1024;

/// The labs that can be shown, and what is wrong with the others.
#[derive(Debug, Default)]
pub struct Shelf {
    /// Sorted by slug.
    pub labs: Vec<Lab>,
    /// Mistakes, in the files' order.
    pub errors: Vec<LabError>,
}

impl Shelf {
    /// Reads every lab in `directory`.
    ///
    /// # Errors
    /// When the directory itself cannot be read. Mistakes in labs are in [`Shelf::errors`].
    pub fn open(directory: &Path) -> io::Result<Self> {
        let mut files = Vec::new();
        for entry in fs::read_dir(directory)? {
            let path = entry?.path();
            let inner = path.join("lab.md");
            if inner.is_file() {
                files.push((path, inner));
            } else if path.extension().is_some_and(|extension| extension == "md") && path.is_file() {
                files.push((path.with_extension(""), path));
            }
        }
        files.sort();
        let mut shelf = Self::default();
        for (name, file) in files {
            match read(&name, &file) {
                Ok(lab) if shelf.labs.last().is_some_and(|last| last.slug == lab.slug) => shelf.errors.push(LabError {
                    file,
                    line: None,
                    message: format!("there is another lab called {}: rename one of the two", lab.slug),
                }),
                Ok(lab) => shelf.labs.push(lab),
                Err(errors) => shelf.errors.extend(errors),
            }
        }
        Ok(shelf)
    }

    /// The lab called `slug`.
    pub fn get(&self, slug: &str) -> Option<&Lab> {
        self.labs.iter().find(|lab| lab.slug == slug)
    }
}

fn read(name: &Path, file: &Path) -> Result<Lab, Vec<LabError>> {
    let error = |line, message| LabError { file: file.to_owned(), line, message };
    let slug = name.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if slug.is_empty() || !slug.chars().all(plain) {
        let message = "a lab's name is part of its address: use only small letters, digits and hyphens".to_owned();
        return Err(vec![error(None, message)]);
    }
    let cannot = |source: io::Error| vec![error(None, format!("cannot be read: {source}"))];
    if fs::metadata(file).map_err(cannot)?.len() > LARGEST {
        return Err(vec![error(None, format!("is larger than {LARGEST} bytes: a lab is a text"))]);
    }
    let bytes = fs::read(file).map_err(cannot)?;
    let text = String::from_utf8(bytes).map_err(|source| {
        let before = &source.as_bytes()[..source.utf8_error().valid_up_to()];
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        vec![error(Some(line), "is not UTF-8: save the file as UTF-8".to_owned())]
    })?;
    parse(slug, &text)
        .map_err(|mistakes| mistakes.into_iter().map(|mistake| error(mistake.line, mistake.message)).collect())
}

/// The program `node-agent lab`: `check DIR…` tells every mistake in the labs of these folders.
/// Exit code 0: none; 1: some; 2: wrong call.
pub fn check_main(args: Vec<OsString>) -> ExitCode {
    let mut args = args.into_iter();
    let directories: Vec<PathBuf> = match args.next() {
        Some(word) if word == "check" => args.map(PathBuf::from).collect(),
        _ => Vec::new(),
    };
    if directories.is_empty() {
        eprintln!(
            "Usage: node-agent lab check DIR...\n\nReads the labs in each folder and tells every mistake with its place."
        );
        return ExitCode::from(2);
    }
    let mut failed = false;
    for directory in directories {
        match Shelf::open(&directory) {
            Ok(shelf) => {
                shelf.errors.iter().for_each(|error| eprintln!("{error}"));
                println!(
                    "{}: {} lab(s) good, {} mistake(s)",
                    directory.display(),
                    shelf.labs.len(),
                    shelf.errors.len()
                );
                failed |= !shelf.errors.is_empty();
            }
            Err(error) => {
                eprintln!("{}: cannot be read: {error}", directory.display());
                failed = true;
            }
        }
    }
    ExitCode::from(u8::from(failed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_lab_does_not_hide_the_others() {
        let directory = tempfile::tempdir().expect("a temporary folder");
        let write = |name: &str, bytes: &[u8]| {
            let path = directory.path().join(name);
            fs::create_dir_all(path.parent().expect("inside the folder")).expect("made");
            fs::write(path, bytes).expect("written");
        };
        write("good/lab.md", b"---\ntitle: Good\n---\n# Hi\n");
        write("other.md", b"---\ntitle: Other\nterms: 0\n---\nText\n");
        write("broken.md", b"---\ntitle: [\n---\n");
        write("Bad Name.md", b"---\ntitle: x\n---\n");
        write("latin1.md", b"---\ntitle: x\n---\nsch\xf6n\n");
        write("good.md", b"---\ntitle: Twice\n---\n");
        write("notes.txt", b"no lab");
        let shelf = Shelf::open(directory.path()).expect("the folder is there");
        let slugs: Vec<&str> = shelf.labs.iter().map(|lab| lab.slug.as_str()).collect();
        assert_eq!(slugs, ["good", "other"]);
        assert_eq!(shelf.get("other").map(|lab| lab.terms), Some(0));
        let told: Vec<String> = shelf.errors.iter().map(ToString::to_string).collect();
        assert_eq!(told.len(), 4, "{told:?}");
        assert!(told.iter().any(|text| text.contains("latin1.md:4: is not UTF-8")), "{told:?}");
        assert!(told.iter().any(|text| text.contains("broken.md:")), "{told:?}");
        assert!(told.iter().any(|text| text.contains("another lab called good")), "{told:?}");
        assert!(told.iter().any(|text| text.contains("Bad Name.md: a lab's name")), "{told:?}");
    }

    #[test]
    fn a_folder_that_is_not_there_is_an_error() {
        assert!(Shelf::open(Path::new("/nonexistent-labs")).is_err());
    }
}
