//! `docker build --secret`, in the notation of BuildKit's plug-in: `id=ID[,src=FILE|,env=VARIABLE][,type=file|env]`.

use super::check::csv;

/// Where a build's secret comes from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Secret {
    /// What `RUN --mount=type=secret` calls it.
    pub id: String,
    /// `src`: a file; empty when not given.
    pub file: String,
    /// `env`: a variable of the client's; empty when not given.
    pub env: String,
}

impl Secret {
    /// Parses one value of the flag.
    ///
    /// # Errors
    /// The plug-in's reason.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut secret = Self::default();
        let mut from_env = false;
        for field in csv(text).map_err(|error| format!("failed to parse csv secret: {error}"))? {
            let (key, value) =
                field.split_once('=').ok_or_else(|| format!("invalid field '{field}' must be a key=value pair"))?;
            match crate::golang::case::lower(key).as_str() {
                "type" if !["file", "env"].contains(&value) => {
                    return Err(format!("unsupported secret type {value:?}"));
                }
                "type" => from_env = value == "env",
                "id" => value.clone_into(&mut secret.id),
                "source" | "src" => value.clone_into(&mut secret.file),
                "env" => value.clone_into(&mut secret.env),
                key => return Err(format!("unexpected key '{key}' in '{field}'")),
            }
        }
        if from_env && secret.env.is_empty() {
            secret.env = std::mem::take(&mut secret.file);
        }
        if secret.id.is_empty() {
            return Err("secret missing ID".into());
        }
        Ok(secret)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<(String, String, String), String> {
        Secret::parse(text).map(|Secret { id, file, env }| (id, file, env))
    }

    #[test]
    fn a_secret_comes_from_a_file_or_a_variable() {
        let of = |id: &str, file: &str, env: &str| Ok((id.to_owned(), file.to_owned(), env.to_owned()));
        assert_eq!(parsed("id=a"), of("a", "", ""));
        assert_eq!(parsed("id=a,src=b"), of("a", "b", ""));
        assert_eq!(parsed("ID=a,\"source=b,c\",type=file"), of("a", "b,c", ""));
        assert_eq!(parsed("type=env,id=a,src=B"), of("a", "", "B"));
        assert_eq!(parsed("id=a,env=B"), of("a", "", "B"));
    }

    #[test]
    fn what_is_none_is_refused_with_the_reason() {
        let error = |text: &str| Secret::parse(text).unwrap_err();
        assert_eq!(error("a"), "invalid field 'a' must be a key=value pair");
        assert_eq!(error("id=a,x=y"), "unexpected key 'x' in 'x=y'");
        assert_eq!(error("id=a,type=x"), "unsupported secret type \"x\"");
        assert_eq!(error("src=a"), "secret missing ID");
        assert!(error("id=\"a").starts_with("failed to parse csv secret: "));
    }
}
