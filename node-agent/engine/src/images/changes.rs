//! `--change` of commit and import: the Dockerfile instructions that alter an image's configuration.

use serde_json::json;

use crate::error::{Error, Result};
use crate::types::Config;

/// Applies instructions to a configuration.
///
/// # Errors
/// For an instruction that is none, or not allowed here.
pub fn apply(config: &mut Config, changes: &[String]) -> Result<()> {
    for line in changes.iter().flat_map(|c| c.lines()).map(str::trim).filter(|l| !l.is_empty() && !l.starts_with('#')) {
        let (word, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        one(config, &word.to_ascii_uppercase(), rest.trim())?;
    }
    Ok(())
}

fn one(config: &mut Config, instruction: &str, rest: &str) -> Result<()> {
    let count = rest.split_whitespace().count();
    match instruction {
        "ENV" | "LABEL" | "EXPOSE" | "VOLUME" | "ONBUILD" if count == 0 => {
            return Err(Error::bad(format!("{instruction} requires at least one argument")));
        }
        "WORKDIR" | "STOPSIGNAL" if count != 1 => {
            return Err(Error::bad(format!("{instruction} requires exactly one argument")));
        }
        "CMD" => config.cmd = Some(command(rest)),
        "ENTRYPOINT" => config.entrypoint = Some(command(rest)),
        "ENV" => {
            for (key, value) in pairs(rest)? {
                config.env.retain(|e| e.split('=').next() != Some(&key));
                config.env.push(format!("{key}={value}"));
            }
        }
        "LABEL" => config.labels.extend(pairs(rest)?),
        "USER" => config.user = rest.to_owned(),
        "WORKDIR" if rest.starts_with('/') => config.working_dir = rest.to_owned(),
        "WORKDIR" => config.working_dir = format!("{}/{rest}", config.working_dir.trim_end_matches('/')),
        "EXPOSE" => {
            for port in rest.split_whitespace() {
                let number = port.split('/').next().unwrap_or_default();
                if number.split('-').any(|n| n.parse::<u16>().is_err()) {
                    return Err(Error::bad(format!("Invalid containerPort: {number}")));
                }
                let port = if port.contains('/') { port.to_owned() } else { format!("{port}/tcp") };
                config.exposed_ports.insert(port, json!({}));
            }
        }
        "VOLUME" => {
            let list = serde_json::from_str::<Vec<String>>(rest)
                .unwrap_or_else(|_| rest.split_whitespace().map(str::to_owned).collect());
            config.volumes.extend(list.into_iter().map(|v| (v, json!({}))));
        }
        "STOPSIGNAL" => config.stop_signal = rest.to_owned(),
        "ONBUILD" => config.on_build.get_or_insert_default().push(rest.to_owned()),
        other => {
            let word = other.to_ascii_lowercase();
            return Err(Error::bad(format!("{word} is not a valid change command")));
        }
    }
    Ok(())
}

/// Exec form is a JSON list; anything else is run by the shell.
fn command(text: &str) -> Vec<String> {
    serde_json::from_str(text).unwrap_or_else(|_| vec!["/bin/sh".into(), "-c".into(), text.to_owned()])
}

/// `A=b C="d e"`, or the old form `A the rest`.
fn pairs(text: &str) -> Result<Vec<(String, String)>> {
    let first = text.split_whitespace().next().unwrap_or_default();
    if !first.contains('=') {
        let (key, value) = text.split_once(char::is_whitespace).ok_or_else(|| Error::bad("must have two arguments"))?;
        return Ok(vec![(key.to_owned(), value.trim().to_owned())]);
    }
    words(text)
        .into_iter()
        .map(|w| match w.split_once('=') {
            Some((k, v)) if !k.is_empty() => Ok((k.to_owned(), v.to_owned())),
            _ => Err(Error::bad(format!("Syntax error - can't find = in \"{w}\". Must be of the form: name=value"))),
        })
        .collect()
}

/// Splits at blanks outside quotes; quotes are removed and a backslash takes the next character as it is.
fn words(text: &str) -> Vec<String> {
    let (mut out, mut word, mut quote, mut started) = (Vec::new(), String::new(), None, false);
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match (c, quote) {
            ('\\', q) if q != Some('\'') => word.extend(chars.next()),
            (c, Some(q)) if c == q => quote = None,
            ('"' | '\'', None) => (quote, started) = (Some(c), true),
            (c, None) if c.is_whitespace() => {
                if started || !word.is_empty() {
                    out.push(std::mem::take(&mut word));
                }
                started = false;
            }
            (c, _) => word.push(c),
        }
    }
    if started || !word.is_empty() {
        out.push(word);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instructions_alter_the_configuration() {
        let mut c = Config { env: vec!["A=old".into()], working_dir: "/x".into(), ..Config::default() };
        let lines = [
            "CMD [\"a\",\"b\"]",
            "entrypoint run it",
            "ENV A=1 B=\"two words\"",
            "WORKDIR y",
            "EXPOSE 80 53/udp",
            "LABEL k v w",
        ];
        apply(&mut c, &lines.map(str::to_owned)).unwrap();
        assert_eq!(c.cmd.unwrap(), ["a", "b"]);
        assert_eq!(c.entrypoint.unwrap(), ["/bin/sh", "-c", "run it"]);
        assert_eq!(c.env, ["A=1", "B=two words"]);
        assert_eq!(c.working_dir, "/x/y");
        assert_eq!(c.exposed_ports.keys().collect::<Vec<_>>(), ["80/tcp", "53/udp"]);
        assert_eq!(c.labels["k"], "v w");
        let error = apply(&mut Config::default(), &["RUN ls".into()]).unwrap_err().message;
        assert_eq!(error, "run is not a valid change command");
    }
}
