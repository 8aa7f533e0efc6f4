//! `dockerfile.stages`: what the instructions say, each with fields of its own.

use serde_json::Value;

use super::Function;
use super::offsets::Offsets;
use crate::dockerfile::instructions::{
    Arg, Command, CommandLine, Files, Instruction, Pair, Program, Run, Stage, Test, program,
};
use crate::dockerfile::{self, Word};

pub(super) const TABLE: &[(&str, Function)] = &[("dockerfile.stages", |args| {
    let text = args.text(0, "text")?;
    Ok(Typed { at: Offsets::new(text) }.program(&program(&dockerfile::parse(text))))
})];

struct Typed {
    at: Offsets,
}

impl Typed {
    fn program(&self, program: &Program) -> Value {
        let errors = program.errors.iter().map(
            |error| json!({ "message": error.to_string(), "lines": error.lines, "span": self.at.span(&error.span) }),
        );
        json!({
            "args": program.meta_args.iter().map(|arg| self.arg(arg)).collect::<Vec<_>>(),
            "stages": program.stages.iter().map(|stage| self.stage(stage)).collect::<Vec<_>>(),
            "errors": errors.collect::<Vec<_>>(),
        })
    }

    fn stage(&self, stage: &Stage) -> Value {
        json!({
            "base": self.word(&stage.base),
            "name": self.maybe(stage.name.as_ref()),
            "platform": self.maybe(stage.platform.as_ref()),
            "comment": stage.comment,
            "lines": stage.lines,
            "span": self.at.span(&stage.span),
            "instructions": stage.commands.iter().map(|found| self.instruction(found)).collect::<Vec<_>>(),
        })
    }

    fn instruction(&self, found: &Instruction) -> Value {
        let mut out = json!({
            "name": found.command.name(),
            "original": found.original,
            "lines": found.lines,
            "span": self.at.span(&found.span),
        });
        self.command(&found.command, &mut out);
        out
    }

    /// Adds the fields of the instruction's kind.
    fn command(&self, command: &Command, out: &mut Value) {
        let fields = match command {
            Command::Add(add) => {
                self.files(&add.files, out);
                json!({
                    "checksum": self.maybe(add.checksum.as_ref()), "keepGitDir": add.keep_git_dir, "unpack": add.unpack,
                })
            }
            Command::Copy(copy) => {
                self.files(&copy.files, out);
                json!({ "from": self.maybe(copy.from.as_ref()), "parents": copy.parents })
            }
            Command::Arg(arg) => json!({ "variables": self.arg(arg) }),
            Command::Env(pairs) | Command::Label(pairs) => json!({ "pairs": self.pairs(pairs) }),
            Command::Cmd(line) | Command::Entrypoint(line) => self.line(line),
            Command::Run(run) => self.run(run),
            Command::Healthcheck(check) => {
                let (kind, words) = match &check.test {
                    Test::None => ("none", Value::Null),
                    Test::Shell(line) => ("shell", self.words(std::slice::from_ref(line))),
                    Test::Exec(words) => ("exec", self.words(words)),
                };
                json!({
                    "test": kind, "words": words, "interval": check.interval, "timeout": check.timeout,
                    "startPeriod": check.start_period, "startInterval": check.start_interval, "retries": check.retries,
                })
            }
            Command::Onbuild(onbuild) => {
                let trigger = onbuild.trigger.as_ref().map(|trigger| {
                    let mut out = json!({ "name": trigger.name() });
                    self.command(trigger, &mut out);
                    out
                });
                json!({ "expression": onbuild.expression, "trigger": trigger })
            }
            Command::Expose(words) | Command::Shell(words) | Command::Volume(words) => {
                json!({ "words": self.words(words) })
            }
            Command::Maintainer(word) | Command::StopSignal(word) | Command::User(word) | Command::Workdir(word) => {
                json!({ "value": self.word(word) })
            }
        };
        extend(out, fields);
    }

    fn run(&self, run: &Run) -> Value {
        let mut out = self.line(&run.line);
        let mounts = run.mounts.iter().map(
            |mount| json!({ "spec": self.word(&mount.spec), "fields": self.words(&mount.fields), "from": mount.from }),
        );
        extend(
            &mut out,
            json!({
                "mounts": mounts.collect::<Vec<_>>(),
                "network": self.maybe(run.network.as_ref()),
                "security": self.maybe(run.security.as_ref()),
            }),
        );
        out
    }

    fn line(&self, line: &CommandLine) -> Value {
        json!({
            "words": self.words(&line.words), "shell": line.shell,
            "heredocs": line.heredocs.iter().map(|heredoc| &heredoc.name).collect::<Vec<_>>(),
        })
    }

    fn files(&self, files: &Files, out: &mut Value) {
        let contents = files.contents.iter().map(|content| {
            json!({
                "name": self.word(&content.name), "data": content.data, "expand": content.expand,
                "span": self.at.span(&content.span),
            })
        });
        extend(
            out,
            json!({
                "paths": self.words(&files.paths),
                "contents": contents.collect::<Vec<_>>(),
                "dest": self.word(&files.dest),
                "chown": self.maybe(files.chown.as_ref()),
                "chmod": self.maybe(files.chmod.as_ref()),
                "link": files.link,
                "excludes": self.words(&files.excludes),
            }),
        );
    }

    fn arg(&self, arg: &Arg) -> Value {
        let pairs = arg.pairs.iter().map(|pair| {
            json!({ "name": self.word(&pair.name), "value": self.maybe(pair.value.as_ref()), "comment": pair.comment })
        });
        pairs.collect()
    }

    fn pairs(&self, pairs: &[Pair]) -> Value {
        pairs.iter().map(|pair| json!({ "name": self.word(&pair.name), "value": self.word(&pair.value) })).collect()
    }

    fn words(&self, words: &[Word]) -> Value {
        words.iter().map(|word| self.word(word)).collect()
    }

    fn maybe(&self, word: Option<&Word>) -> Value {
        word.map_or(Value::Null, |word| self.word(word))
    }

    fn word(&self, word: &Word) -> Value {
        json!({ "text": word.text, "span": self.at.span(&word.span) })
    }
}

/// Puts an object's fields behind those of another.
fn extend(out: &mut Value, fields: Value) {
    if let (Value::Object(out), Value::Object(fields)) = (out, fields) {
        out.extend(fields);
    }
}
