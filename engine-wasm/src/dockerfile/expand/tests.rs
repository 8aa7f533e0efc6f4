use super::*;
use crate::dockerfile::instructions::{Command, Program, program};
use crate::dockerfile::{Dockerfile, parse};

fn read(text: &str) -> (Dockerfile, Program) {
    let file = parse(text);
    let program = program(&file);
    assert_eq!(program.errors, []);
    (file, program)
}

/// Walks the last stage; gives the texts of its expanded commands' words and the variables that were not set.
fn walk(text: &str, build_args: &[(&str, &str)]) -> Result<(StageScope, Vec<Command>, Vec<String>), String> {
    let (file, program) = read(text);
    let build_args = build_args.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    let options = Options { build_args, ..Options::default() };
    let globals = Globals::new(&program, file.escape, &options).map_err(|e| e.to_string())?;
    let mut scope = StageScope::from_image(["PATH=/bin"]);
    let (mut commands, mut unset) = (Vec::new(), Vec::new());
    for instruction in &program.stages.last().unwrap().commands {
        let step = scope.step(&globals, &options, &instruction.command, &mut |event| {
            if let Event::Unset { name, .. } = event {
                unset.push(name.to_owned());
            }
        });
        commands.push(step.map_err(|e| e.to_string())?.command);
    }
    Ok((scope, commands, unset))
}

#[test]
fn arguments_come_from_build_default_and_above() {
    let text = "ARG a=1\nARG b=$a$TARGETARCH\nFROM x\nARG a\nARG b=own\nARG c\nARG TARGETOS\nENV d=$a-$b-$c-$e";
    let (scope, _, unset) = walk(text, &[]).unwrap();
    assert_eq!(scope.env.get("d"), Some("1-own--"));
    assert_eq!(scope.env.get("TARGETOS"), Some("linux"));
    assert_eq!(unset, ["e"], "c is declared");
    let (scope, ..) = walk(text, &[("a", "2"), ("c", "3"), ("e", "no")]).unwrap();
    assert_eq!(scope.env.get("d"), Some("2-own-3-"));
    let (file, program) = read(text);
    let globals = Globals::new(&program, file.escape, &Options::default()).unwrap();
    assert_eq!(globals.scope.get("b"), Some("1amd64"));
}

#[test]
fn one_instruction_sees_what_was_set_before_it() {
    let (scope, commands, _) = walk("FROM x\nENV a=1\nENV a=2 b=$a\nCOPY --chown=$b '$a' \"$a\" /$b/", &[]).unwrap();
    assert_eq!(scope.env.get("b"), Some("1"));
    let Command::Copy(copy) = &commands[2] else { panic!("COPY") };
    let paths: Vec<&str> = copy.files.paths.iter().map(|word| &*word.text).collect();
    assert_eq!((paths, &*copy.files.dest.text), (vec!["$a", "2"], "/1/"));
    assert_eq!(copy.files.chown.as_ref().unwrap().text, "1");
}

#[test]
fn commands_are_left_to_the_shell_and_contents_keep_quotes() {
    let (_, commands, unset) = walk("FROM x\nENV a=1\nRUN echo $a $b\nCOPY <<E /x\n\"$a\" $b\nE\n", &[]).unwrap();
    assert!(matches!(&commands[1], Command::Run(run) if run.line.words[0].text == "echo $a $b"));
    assert!(matches!(&commands[2], Command::Copy(copy) if copy.files.contents[0].data == "\"1\" \n"));
    assert_eq!(unset, ["b"]);
}

#[test]
fn ports_may_become_several_and_mounts_are_read() {
    let (_, commands, _) = walk("FROM x\nENV p='80 443'\nEXPOSE $p 22", &[]).unwrap();
    assert!(matches!(&commands[1], Command::Expose(ports) if ports.len() == 3 && ports[0].text == "80"));
    let error = walk("FROM x\nARG k=bnd\nRUN --mount=type=$k,target=/x true", &[]).unwrap_err();
    assert_eq!(error, "unsupported mount type \"bnd\" (did you mean bind?)");
    assert_eq!(walk("FROM x\nENV a=${b:?must}", &[]).unwrap_err(), "failed to process \"${b:?must}\": b: must");
}

#[test]
fn bases_are_expanded_with_what_is_above_only() {
    let (file, program) =
        read("ARG v=3\nFROM --platform=$TARGETPLATFORM alpine:$v$w\nFROM $none\nFROM --platform=$TARGETPLATFRM x");
    let globals = Globals::new(&program, file.escape, &Options::default()).unwrap();
    let bases: Vec<Base> = program.stages.iter().map(|stage| globals.base(stage)).collect();
    assert_eq!(bases[0].name.as_deref(), Ok("alpine:3"));
    assert_eq!(bases[0].name_unset.iter().collect::<Vec<_>>(), ["w"]);
    assert_eq!(bases[0].platform.as_ref().unwrap().platform, Ok(Platform::default()));
    assert_eq!(bases[1].name.as_ref().unwrap_err().to_string(), "base name ($none) should not be blank");
    assert_eq!(
        bases[2].platform.as_ref().unwrap().platform.as_ref().unwrap_err().to_string(),
        "empty platform value from expression $TARGETPLATFRM (did you mean TARGETPLATFORM?)"
    );
}

#[test]
fn platforms_are_read_and_written() {
    let host = Platform::default();
    for (text, shown) in [
        ("linux/amd64", "linux/amd64"),
        ("linux/x86_64", "linux/amd64"),
        ("linux/arm/v7", "linux/arm/v7"),
        ("linux/arm", "linux/arm"),
        ("linux/arm64/v8", "linux/arm64/v8"),
        ("arm64", "linux/arm64"),
        ("windows", "windows/amd64"),
        ("windows(10.0.17763)/amd64", "windows(10.0.17763)/amd64"),
        ("macos/aarch64", "darwin/arm64"),
    ] {
        assert_eq!(Platform::parse(text, &host).map(|p| p.to_string()).as_deref(), Ok(shown), "{text}");
    }
    for (text, error) in [
        ("foo", "\"foo\": unknown operating system or architecture: invalid argument"),
        ("linux/a/b/c", "\"linux/a/b/c\": cannot parse platform specifier: invalid argument"),
        (
            "linux/",
            "\"\" is an invalid component of \"linux/\": platform specifier component must match \"^[A-Za-z0-9_.-]+$\": invalid argument",
        ),
    ] {
        assert_eq!(Platform::parse(text, &host).unwrap_err(), error);
    }
}
