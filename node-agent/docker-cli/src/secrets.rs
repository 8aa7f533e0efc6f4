//! `docker build --secret`: files and variables of the client's that a build's commands may read. The classic protocol knows none, so they go
//! to our own engine in a header of its own; others do not look at it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use engine_wasm::cli::secret::Secret;
use http::{HeaderMap, HeaderValue};

use crate::error::{Failure, go_io};

/// A header for each secret: the id and the content, both in base64, with a dot between.
const HEADER: &str = "x-slipway-secret";
/// Bytes of all secrets together: what a server takes in headers, less what base64 adds.
const LIMIT: usize = 256 << 10;

/// Reads the secrets of a command line into a request's headers.
///
/// # Errors
/// For a flag that is none, a file that cannot be read, and more than [`LIMIT`].
pub(crate) fn add(flags: &[&str], headers: &mut HeaderMap) -> Result<(), Failure> {
    let mut total = 0;
    for flag in flags {
        let secret = Secret::parse(flag).map_err(Failure::new)?;
        let content = content(&secret)?;
        total += content.len();
        if total > LIMIT {
            return Err(Failure::new(format!("secret {} too big: all together may have {LIMIT} bytes", secret.id)));
        }
        let value = format!("{}.{}", STANDARD.encode(&secret.id), STANDARD.encode(content));
        let mut value = HeaderValue::try_from(value).map_err(|e| Failure::new(e.to_string()))?;
        value.set_sensitive(true);
        headers.append(HEADER, value);
    }
    Ok(())
}

/// Without a source it is the variable of that name, else the file.
fn content(secret: &Secret) -> Result<Vec<u8>, Failure> {
    use std::os::unix::ffi::OsStringExt;
    let variable = |name: &str| std::env::var_os(name).map(OsStringExt::into_vec);
    if !secret.env.is_empty() {
        // As the plug-in: a variable that is not set is an empty one.
        return Ok(variable(&secret.env).unwrap_or_default());
    }
    let file = match &secret.file {
        none if none.is_empty() => match variable(&secret.id) {
            Some(value) => return Ok(value),
            None => &secret.id,
        },
        file => file,
    };
    std::fs::read(file)
        .map_err(|e| Failure::new(format!("failed to read secret {}: open {file}: {}", secret.id, go_io(&e))))
}
