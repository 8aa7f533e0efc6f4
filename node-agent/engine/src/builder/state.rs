//! A stage while it is built: the image so far, the configuration that the next one gets, and what instructions may use.
//! Pure: it changes the configuration and says the step's line in the history; it makes nothing.

use engine_wasm::dockerfile::instructions::{CommandLine, Healthcheck, Test};
use engine_wasm::dockerfile::shell::{Env, Lexer};
use engine_wasm::ignore::path;
use serde_json::json;
use slipway_images::ImageId;

use super::args::BuildArgs;
use super::golang::{duration, quote, quote_list, rune};
use super::ports::ports;
use crate::containers::stop;
use crate::error::{Error, Result};
use crate::types::{self, Config};

const PATH: &str = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// A stage's state.
#[derive(Debug, Clone)]
pub(crate) struct State {
    /// The image so far; none at the beginning of a stage from scratch.
    pub(crate) image: Option<ImageId>,
    /// What the next image says.
    pub(crate) config: Config,
    /// `MAINTAINER`
    pub(crate) author: String,
    /// Build arguments.
    pub(crate) args: BuildArgs,
    /// `CMD` was given in this stage, so that `ENTRYPOINT` leaves it.
    pub(crate) command_given: bool,
    /// The escape character of the Dockerfile.
    pub(crate) escape: char,
}

/// Variables for an instruction.
struct Variables(Vec<String>);

impl Env for Variables {
    fn get(&self, name: &str) -> Option<String> {
        self.0.iter().find_map(|entry| Some(entry.strip_prefix(name)?.strip_prefix('=')?.to_owned()))
    }
}

impl State {
    /// A stage that begins with an image, or with nothing.
    pub(crate) fn new(image: Option<ImageId>, mut config: Config, args: BuildArgs, escape: char) -> Self {
        if !config.env.iter().any(|entry| entry.starts_with("PATH=")) {
            config.env.push(PATH.to_owned());
        }
        (config.open_stdin, config.stdin_once) = (false, false);
        let mut state = Self { image, config, author: String::new(), args, command_given: false, escape };
        state.took(image);
        state
    }

    /// The stage has come to another image.
    pub(crate) fn took(&mut self, image: Option<ImageId>) {
        self.image = image;
        self.config.image = image.map(|id| id.to_string()).unwrap_or_default();
    }

    fn variables(&self) -> Variables {
        let mut all = self.config.env.clone();
        all.extend(self.args.visible(&self.config.env));
        Variables(all)
    }

    /// A word with its variables.
    ///
    /// # Errors
    /// BuildKit's text for a word that cannot be read.
    pub(crate) fn expand(&self, word: &str) -> Result<String> {
        let expanded = Lexer::new(self.escape).word(word, &self.variables());
        Ok(expanded.map_err(|e| Error::bad(e.to_string()))?.text)
    }

    /// A word that may become several.
    ///
    /// # Errors
    /// As [`Self::expand`].
    pub(crate) fn expand_words(&self, word: &str) -> Result<Vec<String>> {
        Lexer::new(self.escape).words(word, &self.variables()).map_err(|e| Error::bad(e.to_string()))
    }

    /// A here-document's content with its variables; quotes stay.
    ///
    /// # Errors
    /// As [`Self::expand`].
    pub(crate) fn expand_text(&self, text: &str) -> Result<String> {
        let lexer = Lexer { skip_process_quotes: true, ..Lexer::new(self.escape) };
        Ok(lexer.word(text, &self.variables()).map_err(|e| Error::bad(e.to_string()))?.text)
    }

    /// The shell of the shell form.
    pub(crate) fn shell(&self) -> Vec<String> {
        let own = self.config.shell.clone().filter(|shell| !shell.is_empty());
        own.unwrap_or_else(|| vec!["/bin/sh".into(), "-c".into()])
    }

    /// A command line as it is executed.
    pub(crate) fn command(&self, line: &CommandLine) -> Vec<String> {
        let words = line.words.iter().map(|word| word.text.clone());
        if line.shell { self.shell().into_iter().chain(words).collect() } else { words.collect() }
    }

    /// The configuration that stands for a step without a command, found again by the cache. `apart` gives the text an
    /// argument of its own, as the classic builder does for most instructions.
    pub(crate) fn comment(&self, text: &str, apart: bool) -> Config {
        let mut cmd = self.shell();
        if apart {
            cmd.extend(["#(nop) ".to_owned(), text.to_owned()]);
        } else {
            cmd.push(format!("#(nop) {text}"));
        }
        Config { cmd: Some(cmd), ..self.config.clone() }
    }

    /// `ENV`
    pub(crate) fn set_env(&mut self, name: &str, value: &str) {
        let entry = format!("{name}={value}");
        match self.config.env.iter_mut().find(|old| old.split('=').next() == Some(name)) {
            Some(old) => *old = entry,
            None => self.config.env.push(entry),
        }
    }

    /// `CMD`; returns its line in the history, as all of these.
    pub(crate) fn set_command(&mut self, line: &CommandLine) -> String {
        let command = self.command(line);
        let text = format!("CMD {}", quote_list(&command));
        self.config.cmd = Some(command);
        self.command_given = true;
        text
    }

    /// `ENTRYPOINT`
    pub(crate) fn set_entrypoint(&mut self, line: &CommandLine) -> String {
        let command = self.command(line);
        let text = format!("ENTRYPOINT {}", quote_list(&command));
        self.config.entrypoint = Some(command);
        // A command of the base belongs to the base's entry point.
        if !self.command_given {
            self.config.cmd = None;
        }
        text
    }

    /// `WORKDIR`
    pub(crate) fn set_directory(&mut self, text: &str) -> Result<String> {
        if text.is_empty() {
            return Err(Error::bad("cannot normalize nothing"));
        }
        self.config.working_dir = self.absolute(text).trim_end_matches('/').to_owned();
        if self.config.working_dir.is_empty() {
            self.config.working_dir = "/".into();
        }
        Ok(format!("WORKDIR {}", self.config.working_dir))
    }

    /// A path seen from the working directory; a slash at its end stays.
    pub(crate) fn absolute(&self, text: &str) -> String {
        let whole =
            if text.starts_with('/') { text.to_owned() } else { format!("/{}/{text}", self.config.working_dir) };
        let mut clean = path::clean(&whole);
        if (text.ends_with('/') || text == "." || text.ends_with("/.")) && !clean.ends_with('/') {
            clean.push('/');
        }
        clean
    }

    /// `EXPOSE`
    ///
    /// # Errors
    /// For what is no port.
    pub(crate) fn expose(&mut self, words: &[String]) -> Result<String> {
        for word in words {
            for port in ports(word)? {
                self.config.exposed_ports.insert(port, json!({}));
            }
        }
        self.config.exposed_ports.sort_keys();
        Ok(format!("EXPOSE {}", words.join(" ")))
    }

    /// `STOPSIGNAL`
    ///
    /// # Errors
    /// For what is no signal.
    pub(crate) fn set_stop_signal(&mut self, signal: &str) -> Result<String> {
        stop::parse_signal(signal).map_err(|_| Error::bad(format!("Invalid signal: {signal}")))?;
        signal.clone_into(&mut self.config.stop_signal);
        Ok(format!("STOPSIGNAL {signal}"))
    }

    /// Docker's note on a test of the base, or of a line above, that is replaced.
    pub(crate) fn overridden_healthcheck(&self) -> Option<String> {
        let test = &self.config.healthcheck.as_ref()?.test;
        let first = test.first()?;
        (first != "NONE").then(|| format!("Note: overriding previous HEALTHCHECK: [{}]\n", test.join(" ")))
    }

    /// `HEALTHCHECK`
    pub(crate) fn set_healthcheck(&mut self, check: &Healthcheck) -> String {
        let test: Vec<String> = match &check.test {
            Test::None => vec!["NONE".into()],
            Test::Shell(line) => vec!["CMD-SHELL".into(), line.text.clone()],
            Test::Exec(words) => {
                std::iter::once("CMD".to_owned()).chain(words.iter().map(|word| word.text.clone())).collect()
            }
        };
        let time = |nanoseconds: i64| quote(&duration(nanoseconds));
        let mut times = vec![time(check.interval), time(check.timeout), time(check.start_period)];
        if check.start_interval != 0 {
            times.push(time(check.start_interval));
        }
        let text = format!(
            "HEALTHCHECK &{{{} {} {}}}",
            quote_list(&test),
            times.join(" "),
            rune(u32::try_from(check.retries).unwrap_or(0))
        );
        self.config.healthcheck = Some(types::Healthcheck {
            test,
            interval: check.interval,
            timeout: check.timeout,
            start_period: check.start_period,
            start_interval: check.start_interval,
            retries: check.retries.into(),
        });
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state() -> State {
        let args = BuildArgs::new([("who".to_owned(), Some("you".to_owned()))].into(), &[]);
        let config = Config { env: vec!["A=1".into()], cmd: Some(vec!["base".into()]), ..Config::default() };
        State::new(None, config, args, '\\')
    }

    fn line(shell: bool, words: &[&str]) -> CommandLine {
        use engine_wasm::dockerfile::Word;
        let words = words.iter().map(|text| Word { text: (*text).to_owned(), span: 0..0 }).collect();
        CommandLine { words, shell, heredocs: vec![] }
    }

    #[test]
    fn variables_come_from_the_environment_first() {
        let mut state = state();
        state.args.add("who", None);
        state.args.add("A", Some("arg".into()));
        assert_eq!(state.expand("$A-${who}-${none:-x}").unwrap(), "1-you-x");
        assert_eq!(state.expand_words("$A \"b c\"").unwrap(), ["1", "b c"]);
        assert_eq!(state.expand_text("say \"$who\"\n").unwrap(), "say \"you\"\n");
        assert!(state.expand("${").is_err());
        state.set_env("A", "2");
        assert_eq!(state.config.env[0], "A=2");
    }

    #[test]
    fn an_entry_point_takes_only_the_bases_command_away() {
        let mut state = state();
        assert_eq!(state.set_entrypoint(&line(false, &["e"])), "ENTRYPOINT [\"e\"]");
        assert_eq!(state.config.cmd, None);
        assert_eq!(state.set_command(&line(true, &["a b"])), "CMD [\"/bin/sh\" \"-c\" \"a b\"]");
        state.set_entrypoint(&line(true, &["x"]));
        assert_eq!(state.config.cmd.as_ref().unwrap().len(), 3);
    }

    #[test]
    fn paths_are_seen_from_the_working_directory() {
        let mut state = state();
        assert_eq!(state.set_directory("a/b").unwrap(), "WORKDIR /a/b");
        state.set_directory("../c").unwrap();
        assert_eq!(state.config.working_dir, "/a/c");
        assert_eq!(
            (state.absolute("x"), state.absolute("x/"), state.absolute(".")),
            ("/a/c/x".into(), "/a/c/x/".into(), "/a/c/".into())
        );
        assert_eq!(state.absolute("/"), "/");
        state.set_directory("/").unwrap();
        assert_eq!(state.config.working_dir, "/");
    }

    #[test]
    fn ports_are_checked() {
        let mut state = state();
        let words = ["80", "53/UDP", "8000-8002/tcp"].map(str::to_owned);
        assert_eq!(state.expose(&words).unwrap(), "EXPOSE 80 53/UDP 8000-8002/tcp");
        let keys: Vec<_> = state.config.exposed_ports.keys().cloned().collect();
        assert_eq!(keys, ["53/udp", "80/tcp", "8000/tcp", "8001/tcp", "8002/tcp"]);
    }

    #[test]
    fn a_health_check_reads_as_gos_struct() {
        let check =
            Healthcheck { interval: 300_000_000_000, timeout: 3_000_000_000, retries: 2, ..Healthcheck::default() };
        assert_eq!(state().set_healthcheck(&check), "HEALTHCHECK &{[\"NONE\"] \"5m0s\" \"3s\" \"0s\" '\\x02'}");
    }
}
