//! `--change` of commit and import: the Dockerfile instructions that alter an image's configuration, read as a build reads
//! them.

use engine_wasm::dockerfile;
use engine_wasm::dockerfile::instructions::{self, Command};
use serde_json::json;

use crate::builder::args::BuildArgs;
use crate::builder::state::State;
use crate::error::{Error, Result};
use crate::types::Config;

/// What may stand in a change.
const ALLOWED: [&str; 11] = [
    "CMD",
    "ENTRYPOINT",
    "ENV",
    "EXPOSE",
    "HEALTHCHECK",
    "LABEL",
    "ONBUILD",
    "STOPSIGNAL",
    "USER",
    "VOLUME",
    "WORKDIR",
];

/// Applies instructions to a configuration.
///
/// # Errors
/// For an instruction that is none, or not allowed here.
pub fn apply(config: &mut Config, changes: &[String]) -> Result<()> {
    if changes.is_empty() {
        return Ok(());
    }
    let text = changes.join("\n");
    let file = dockerfile::parse(&text);
    if let Some(error) = file.errors.first() {
        return Err(Error::bad(error.to_string()));
    }
    for node in &file.nodes {
        if !ALLOWED.contains(&node.name.text.to_ascii_uppercase().as_str()) {
            let word = node.name.text.to_ascii_lowercase();
            return Err(Error::bad(format!("{word} is not a valid change command")));
        }
    }
    let mut state = State {
        image: None,
        config: config.clone(),
        author: String::new(),
        args: BuildArgs::default(),
        command_given: false,
        escape: file.escape,
    };
    for node in &file.nodes {
        let command = instructions::command(node).map_err(|fault| Error::bad(fault.to_string()))?;
        one(&mut state, &command)?;
    }
    *config = state.config;
    Ok(())
}

fn one(state: &mut State, command: &Command) -> Result<()> {
    match command {
        Command::Cmd(line) => drop(state.set_command(line)),
        Command::Entrypoint(line) => drop(state.set_entrypoint(line)),
        Command::Env(pairs) => {
            for (name, value) in expanded(state, pairs)? {
                state.set_env(&name, &value);
            }
        }
        Command::Label(pairs) => {
            let labels = expanded(state, pairs)?;
            state.config.labels.extend(labels);
        }
        Command::Expose(words) => {
            let mut ports = Vec::new();
            for word in words {
                ports.extend(state.expand_words(&word.text)?);
            }
            state.expose(&ports)?;
        }
        Command::Healthcheck(check) => drop(state.set_healthcheck(check)),
        Command::Onbuild(onbuild) => {
            state.config.on_build.get_or_insert_default().push(onbuild.expression.clone());
        }
        Command::StopSignal(word) => drop(state.set_stop_signal(&state.expand(&word.text)?)?),
        Command::User(word) => state.config.user = state.expand(&word.text)?,
        Command::Volume(words) => {
            for word in words {
                let path = state.expand(&word.text)?.trim().to_owned();
                if path.is_empty() {
                    return Err(Error::bad("VOLUME specified can not be an empty string"));
                }
                state.config.volumes.insert(path, json!({}));
            }
        }
        Command::Workdir(word) => drop(state.set_directory(&state.expand(&word.text)?)?),
        other => {
            return Err(Error::bad(format!("{} is not a valid change command", other.name().to_ascii_lowercase())));
        }
    }
    Ok(())
}

/// Names and values with their variables; all are expanded before any is set.
fn expanded(state: &State, pairs: &[instructions::Pair]) -> Result<Vec<(String, String)>> {
    pairs.iter().map(|pair| Ok((state.expand(&pair.name.text)?, state.expand(&pair.value.text)?))).collect()
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
            "HEALTHCHECK --interval=3s CMD true",
        ];
        apply(&mut c, &lines.map(str::to_owned)).unwrap();
        assert_eq!(c.cmd.unwrap(), ["a", "b"]);
        assert_eq!(c.entrypoint.unwrap(), ["/bin/sh", "-c", "run it"]);
        assert_eq!(c.env, ["A=1", "B=two words"]);
        assert_eq!(c.working_dir, "/x/y");
        assert_eq!(c.exposed_ports.keys().collect::<Vec<_>>(), ["53/udp", "80/tcp"]);
        assert_eq!(c.labels["k"], "v w");
        assert_eq!(c.healthcheck.unwrap().interval, 3_000_000_000);
        let error = apply(&mut Config::default(), &["RUN ls".into()]).unwrap_err().message;
        assert_eq!(error, "run is not a valid change command");
        assert!(apply(&mut Config::default(), &[]).is_ok());
    }
}
