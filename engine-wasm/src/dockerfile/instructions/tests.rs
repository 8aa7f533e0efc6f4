use super::*;
use crate::dockerfile::parse;

fn first(text: &str) -> String {
    program(&parse(text)).errors.first().map(ToString::to_string).unwrap_or_default()
}

fn only(text: &str) -> Command {
    let program = program(&parse(&format!("FROM scratch\n{text}\n")));
    assert_eq!(program.errors, [], "{text}");
    program.stages[0].commands[0].command.clone()
}

#[test]
fn faults_have_buildkits_texts() {
    for (text, error) in [
        ("FORM alpine", "unknown instruction: FORM (did you mean FROM?)"),
        ("FROM a\nwrokdir x", "unknown instruction: wrokdir (did you mean workdir?)"),
        ("FROM a\nNONSENSE x", "unknown instruction: NONSENSE"),
        ("RUN x", "no build stage in current context"),
        ("FROM", "FROM requires either one or three arguments"),
        ("FROM a b", "FROM requires either one or three arguments"),
        ("FROM a AS 1b", "invalid name for build stage: \"1b\", name can't start with a number or contain symbols"),
        ("FROM --plattform=x a", "unknown flag: --plattform (did you mean platform?)"),
        ("FROM a\nCOPY --form=x a b", "unknown flag: --form (did you mean from?)"),
        ("FROM a\nCOPY --link=maybe a b", "expecting boolean value for flag --link, not: maybe"),
        ("FROM a\nCOPY --link= a b", "missing a value on flag: --link"),
        ("FROM a\nCOPY --chown a b", "missing a value on flag: --chown"),
        ("FROM a\nCOPY --chown=a --chown=b a b", "duplicate flag specified: --chown"),
        (
            "FROM a\nCOPY a",
            "COPY requires at least two arguments, but only one was provided. Destination could not be determined",
        ),
        ("FROM a\nCOPY a <<b\nb\n", "COPY cannot accept a heredoc as a destination"),
        ("FROM a\nENV =x", "ENV names can not be blank"),
        ("FROM a\nARG =x", "ARG names can not be blank"),
        ("FROM a\nWORKDIR", "WORKDIR requires exactly one argument"),
        ("FROM a\nEXPOSE", "EXPOSE requires at least one argument"),
        ("FROM a\nSHELL bash -c", "SHELL requires the arguments to be in JSON form"),
        ("FROM a\nSHELL []", "SHELL requires at least one argument"),
        ("FROM a\nVOLUME [\" \"]", "VOLUME specified can not be an empty string"),
        ("FROM a\nONBUILD ONBUILD RUN x", "Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed"),
        ("FROM a\nONBUILD from x", "FROM isn't allowed as an ONBUILD trigger"),
        ("FROM a\nHEALTHCHECK NONE x", "HEALTHCHECK NONE takes no arguments"),
        ("FROM a\nHEALTHCHECK CMD", "Missing command after HEALTHCHECK CMD"),
        ("FROM a\nHEALTHCHECK foo x", "Unknown type \"FOO\" in HEALTHCHECK (try CMD)"),
        ("FROM a\nHEALTHCHECK --interval=1us CMD x", "Interval \"interval\" cannot be less than 1ms"),
        ("FROM a\nHEALTHCHECK --timeout=5 CMD x", "time: missing unit in duration \"5\""),
        ("FROM a\nHEALTHCHECK --retries=x CMD x", "strconv.ParseInt: parsing \"x\": invalid syntax"),
        ("FROM a\nHEALTHCHECK --retries=-1 CMD x", "--retries cannot be negative (-1)"),
        ("FROM a\nRUN --network=bridge x", "invalid network mode \"bridge\""),
        ("FROM a\nRUN --security=none x", "security \"none\" is not valid"),
        (
            "FROM a\nRUN --mount=from=$x,target=/y x",
            "'from' doesn't support variable expansion, define alias stage instead",
        ),
        (
            "FROM a\nRUN --mount=a\\\"b x",
            "failed to parse csv mounts: parse error on line 1, column 2: bare \" in non-quoted field",
        ),
        ("FROM a\nRUN --device=a=b,name=c x", "device name already set to a=b"),
    ] {
        assert_eq!(first(text), error, "{text}");
    }
}

#[test]
fn all_faults_are_found_with_their_places() {
    let text = "FROM a\nCOPY --form=x --lnk a b\nWAT\nUSER\n";
    let errors = program(&parse(text)).errors;
    let seen: Vec<(usize, &str)> = errors.iter().map(|e| (e.lines.0, &text[e.span.clone()])).collect();
    assert_eq!(seen, [(2, "--form=x"), (2, "--lnk"), (3, "WAT"), (4, "USER")]);
    assert_eq!(errors[2].report(), "dockerfile parse error on line 3: unknown instruction: WAT");
}

#[test]
fn stages_and_arguments_before_them() {
    let text = "# v the version\nARG v=1 w\nFROM --platform=$BUILDPLATFORM a:$v as Build\nRUN x\nFROM build\n";
    let program = program(&parse(text));
    assert_eq!(program.errors, []);
    let args: Vec<_> = program.meta_args[0]
        .pairs
        .iter()
        .map(|p| (&*p.name.text, p.value.as_ref().map(|v| &*v.text), &*p.comment))
        .collect();
    assert_eq!(args, [("v", Some("1"), "the version"), ("w", None, "")]);
    let [build, last] = program.stages.as_slice() else { panic!("two stages") };
    assert_eq!((build.base.text.as_str(), build.name()), ("a:$v", "build"));
    assert_eq!(&text[build.name.as_ref().unwrap().span.clone()], "Build");
    assert_eq!(&text[build.platform.as_ref().unwrap().span.clone()], "$BUILDPLATFORM");
    assert_eq!((build.commands.len(), last.base.text.as_str(), last.lines), (1, "build", (5, 5)));
}

#[test]
fn copy_has_paths_and_contents() {
    let Command::Copy(copy) = only(
        "COPY --from=b --exclude=*.md --chmod=755 --exclude=x --exclude=y --parents --link=FALSE a <<-'E' /d/\n\tx $y\nE",
    ) else {
        panic!("COPY")
    };
    assert_eq!(copy.from.unwrap().text, "b");
    assert_eq!(copy.files.chmod.unwrap().text, "755");
    assert_eq!(copy.files.excludes.iter().map(|w| &*w.text).collect::<Vec<_>>(), ["*.md", "x", "y"]);
    assert!(copy.parents && !copy.files.link);
    let content = &copy.files.contents[0];
    assert_eq!((&*content.name.text, &*content.data, content.expand), ("E", "x $y\n", false));
    let Command::Add(add) = only("ADD --keep-git-dir --unpack=false --checksum=sha256:0 https://x/y /d") else {
        panic!("ADD")
    };
    assert_eq!((add.keep_git_dir, add.unpack), (Some(true), Some(false)));
    assert_eq!(add.checksum.unwrap().text, "sha256:0");
}

#[test]
fn mounts_are_read_with_their_options() {
    let Command::Run(run) = only(
        "RUN --mount=type=cache,target=/c,id=n,sharing=locked,uid=5 --mount=type=secret,id=s,required,env=S \
         --mount=type=tmpfs,target=/t,size=1m --mount=from=b,target=/b,rw --network=none x",
    ) else {
        panic!("RUN")
    };
    let options: Vec<MountOptions> = run.mounts.iter().map(|mount| mount.literal().unwrap()).collect();
    assert_eq!(options[0].kind, MountKind::Cache);
    assert_eq!((options[0].sharing, options[0].uid, options[0].read_only), (Some(Sharing::Locked), Some(5), false));
    assert_eq!((options[1].required, options[1].env.as_deref(), options[1].read_only), (true, Some("S"), true));
    assert_eq!((options[2].size_limit, options[2].target.as_str()), (1 << 20, "/t"));
    assert_eq!((run.mounts[3].from.as_str(), options[3].read_only), ("b", false));
    for (mount, error) in [
        ("type=bnd,target=/x", "unsupported mount type \"bnd\" (did you mean bind?)"),
        ("target=/x,siez=5", "unexpected key 'siez' in 'siez=5' (did you mean size?)"),
        ("target=/x,size=5", "unexpected key 'size' for mount type 'bind'"),
        ("target=/x,uid=5", "uid not allowed for \"bind\" type mounts"),
        ("type=secret", "invalid secret mount. one of source, target required"),
        ("type=cache,sharing=open,target=/x", "unsupported sharing value \"open\""),
        ("type=tmpfs,target=/x,sharing=shared", "invalid cache sharing set for tmpfs mount"),
        ("type=ssh,mode=9", "invalid value 9 for mode"),
        ("target=/x,ro=perhaps", "invalid value for ro: perhaps"),
        ("target", "invalid field 'target' must be a key=value pair"),
    ] {
        let Command::Run(run) = only(&format!("RUN --mount={mount} x")) else { panic!("RUN") };
        assert_eq!(run.mounts[0].literal().unwrap_err().to_string(), error);
    }
}

#[test]
fn health_is_checked() {
    let Command::Healthcheck(check) = only("HEALTHCHECK --interval=1m30.5s --retries=3 CMD curl x") else {
        panic!("HEALTHCHECK")
    };
    assert_eq!((check.interval, check.retries), (90_500_000_000, 3));
    assert!(matches!(check.test, Test::Shell(word) if word.text == "curl x"));
    assert!(matches!(only("HEALTHCHECK none"), Command::Healthcheck(Healthcheck { test: Test::None, .. })));
}

#[test]
fn triggers_keep_their_text_and_are_typed() {
    let Command::Onbuild(onbuild) = only("onbuild  RUN <<E\nx\nE") else { panic!("ONBUILD") };
    assert_eq!(onbuild.expression, "RUN <<E\nx\nE");
    assert!(matches!(onbuild.trigger.as_deref(), Some(Command::Run(run)) if run.line.heredocs.len() == 1));
    let Command::Onbuild(onbuild) = only("ONBUILD COPY x") else { panic!("ONBUILD") };
    assert_eq!(onbuild.trigger, None);
}
