use super::super::expand;
use super::*;

/// Rule, first and last line, and the marked text.
type Found<'t> = (&'static str, (usize, usize), &'t str);

/// Every finding; then the first error.
fn found(text: &str) -> (Vec<Found<'_>>, String) {
    let report = check(text, &Options::default());
    let warnings = report.warnings.iter().map(|w| (w.rule, w.lines, &text[w.span.clone()])).collect();
    (warnings, report.errors.first().map(|error| error.message.clone()).unwrap_or_default())
}

fn messages(text: &str) -> Vec<String> {
    check(text, &Options::default()).warnings.into_iter().map(|warning| warning.message).collect()
}

#[test]
fn there_are_22_rules_with_their_texts() {
    assert_eq!(rules::RULES.len(), 22);
    for rule in rules::RULES {
        assert!(rule.description.len() > 20 && rule.explanation.len() > 80, "{}", rule.name);
        assert_eq!(rule.url.is_empty(), rule.name == "InvalidBaseImagePlatform");
        assert_eq!(rule.experimental, rule.name == "InvalidDefinitionDescription");
    }
}

#[test]
fn every_rule_finds_what_it_is_for() {
    for (text, rule, lines, marked) in [
        ("FROM scratch AS Base", "StageNameCasing", (1, 1), "Base"),
        ("FROM scratch as base", "FromAsCasing", (1, 1), "as"),
        ("FROM scratch\nCOPY a \\\n\n b", "NoEmptyContinuation", (4, 4), "COPY a \\\n\n b"),
        ("FROM scratch\nUSER a\nuser b", "ConsistentInstructionCasing", (3, 3), "user"),
        ("FROM scratch AS a\nFROM scratch AS a", "DuplicateStageName", (2, 2), "a"),
        ("FROM scratch AS context", "ReservedStageName", (1, 1), "context"),
        ("FROM scratch\nCMD a \\\n b", "JSONArgsRecommended", (2, 3), "CMD a \\\n b"),
        ("FROM scratch\nMAINTAINER me", "MaintainerDeprecated", (2, 2), "MAINTAINER me"),
        ("ARG tag=1\nFROM x:${tga:-2}", "UndefinedArgInFrom", (2, 2), "${tga:-2}"),
        ("FROM scratch\nWORKDIR a\nWORKDIR b", "WorkdirRelativePath", (2, 2), "a"),
        ("FROM scratch\nUSER ${nobody}", "UndefinedVar", (2, 2), "${nobody}"),
        ("FROM scratch\nCMD [\"a\"]\nCMD [\"b\"]", "MultipleInstructionsDisallowed", (2, 2), "CMD [\"a\"]"),
        ("FROM scratch\nENV a b c", "LegacyKeyValueFormat", (2, 2), "ENV a b c"),
        ("FROM --platform=$TARGETPLATFORM scratch", "RedundantTargetPlatform", (1, 1), "$TARGETPLATFORM"),
        ("FROM scratch\nARG API_KEY", "SecretsUsedInArgOrEnv", (2, 2), "API_KEY"),
        ("ARG a\nFROM x:$a", "InvalidDefaultArgInFrom", (2, 2), "x:$a"),
        ("FROM --platform=linux/arm64 scratch", "FromPlatformFlagConstDisallowed", (1, 1), "linux/arm64"),
        ("FROM scratch\nEXPOSE 80/TCP", "ExposeProtoCasing", (2, 2), "80/TCP"),
        ("FROM scratch\nEXPOSE 8080:80", "ExposeInvalidFormat", (2, 2), "8080:80"),
    ] {
        let (warnings, _) = found(text);
        assert!(warnings.contains(&(rule, lines, marked)), "{text}: {warnings:?}");
        assert_eq!(warnings.len(), 1, "{text}: {warnings:?}");
    }
}

#[test]
fn an_experimental_rule_has_to_be_asked_for() {
    let text = "# something\nFROM scratch AS base\n";
    assert_eq!(found(text).0, []);
    for directive in ["# check=experimental=all", "# check=experimental=InvalidDefinitionDescription"] {
        let text = format!("{directive}\n{text}");
        assert_eq!(messages(&text), ["Comment for FROM should follow the format: `# base <description>`"]);
    }
    assert_eq!(messages("# check=experimental=all\n# base is this\nFROM scratch AS base\n"), [""; 0]);
}

#[test]
fn checks_are_skipped_in_the_file_and_by_the_instruction() {
    assert_eq!(found("# check=skip=FromAsCasing, StageNameCasing\nFROM scratch as Base").0.len(), 1);
    assert_eq!(found("# check=skip=FromAsCasing,StageNameCasing\nFROM scratch as Base").0, []);
    assert_eq!(found("# check=skip=all\nFROM scratch as Base").0, []);
    let text = "FROM scratch\n# check=skip=JSONArgsRecommended\nCMD a\nENTRYPOINT b\n";
    assert_eq!(found(text).0, [("JSONArgsRecommended", (4, 4), "ENTRYPOINT b")]);
    let mut build = expand::Options::default();
    build.build_args.insert("BUILDKIT_DOCKERFILE_CHECK".into(), "skip=all".into());
    let options = Options { build: Some(&build), ..Options::default() };
    assert_eq!(check("FROM scratch as Base", &options).warnings, []);
}

#[test]
fn findings_can_be_errors() {
    let (warnings, error) = found("# check=error=true\nFROM scratch as Base\n");
    assert_eq!((warnings.len(), error.as_str()), (2, "lint violation found for rules: FromAsCasing, StageNameCasing"));
    assert_eq!(
        found("# check=error=maybe\nFROM scratch").1,
        "failed to parse check options: failed to parse check option \"error=maybe\": strconv.ParseBool: parsing \"maybe\": invalid syntax"
    );
    assert_eq!(found("# check=skp=a\nFROM scratch").1, "failed to parse check options: invalid check option \"skp\"");
}

#[test]
fn variables_are_those_of_the_stage_and_its_base() {
    assert_eq!(
        messages("ARG VERSION=1\nFROM scratch AS a\nENV NAME=1\nFROM a\nLABEL x=$NAME y=$NAMR z=$VERSION\nUSER $PAHT"),
        [
            "Usage of undefined variable '$NAMR' (did you mean $NAME?)",
            "Usage of undefined variable '$VERSION'",
            "Usage of undefined variable '$PAHT' (did you mean $PATH?)",
        ]
    );
    assert_eq!(messages("FROM scratch\nARG V\nUSER $V${W:-x}"), ["Usage of undefined variable '$W'"]);
    assert_eq!(messages("FROM scratch\nRUN echo $x\nCOPY <<E /\n$y\nE"), ["Usage of undefined variable '$y'"]);
}

#[test]
fn shells_of_the_stage_are_known() {
    assert_eq!(found("FROM scratch\nSHELL [\"/bin/bash\", \"-c\"]\nCMD a").0, []);
    assert_eq!(found("FROM scratch AS a\nSHELL [\"x\"]\nFROM a\nENTRYPOINT a").0, []);
}

#[test]
fn stages_refer_to_stages_above_them() {
    for (text, error) in [
        (
            "FROM scratch\nCOPY --from=b / /\nFROM scratch AS b",
            "cannot copy from stage \"b\", it needs to be defined before current stage \"stage-0\"",
        ),
        ("FROM scratch AS a\nCOPY --from=a / /", "circular dependency detected on stage: a"),
        ("FROM scratch\nCOPY --from=7 / /", "invalid stage index 7"),
        (
            "FROM scratch\nARG x\nCOPY --from=$x / /",
            "variable expansion is not supported for --from, define a new stage with FROM using ARG from global scope as a workaround",
        ),
        (
            "FROM scratch\nCOPY --from=A_ / /",
            "failed to parse stage name \"A_\": invalid reference format: repository name (library/A_) must be lowercase",
        ),
        (
            "FROM scratch AS a\nONBUILD COPY\nFROM a",
            "COPY requires at least two arguments, but only one was provided. Destination could not be determined",
        ),
        ("FROM scratch\nRUN --mount=target=/ x", "invalid mount target \"/\""),
        (
            "FROM scratch\nCOPY --chmod=999 a b",
            "invalid chmod parameter: '999'. it should be octal string and between 0 and 07777",
        ),
        ("FROM scratch\nCOPY https://a/b c", "source can't be a URL for COPY"),
        ("FROM scratch\nCOPY git@a:b/c d", "source can't be a git ref for COPY"),
        ("FROM scratch\nADD --checksum=x a b", "checksum requires HTTP(S) or Git sources"),
        ("FROM scratch\nSTOPSIGNAL FOO", "invalid signal: FOO"),
        ("FROM scratch\nEXPOSE 80/foo", "invalid port: \"80/foo\": invalid proto: foo"),
        ("FROM scratch\nEXPOSE 99999", "invalid containerPort: 99999"),
        ("ARG a=b", "dockerfile contains no stages to build"),
        ("", "the Dockerfile cannot be empty"),
        ("FROM scratch\nWAT x", "dockerfile parse error on line 2: unknown instruction: WAT"),
    ] {
        assert_eq!(found(text).1, error, "{text}");
    }
}

#[test]
fn a_circle_shows_the_lines_it_is_made_of() {
    let text = "FROM scratch AS a\nCOPY --from=b / /\nFROM scratch AS b\nCOPY --from=a / /\n";
    let report = check(text, &Options::default());
    assert_eq!(report.errors[0].parts, [(2, 2), (4, 4)]);
    assert!(report.errors_text(text, "Dockerfile").contains("   3 |     FROM scratch AS b\n"));
    assert_eq!(report.to_json(text, "Dockerfile")["buildError"]["location"]["ranges"][1]["start"]["line"], 4);
}

#[test]
fn triggers_of_a_stage_are_checked_where_it_is_used() {
    let text = "FROM scratch AS a\nONBUILD CMD x\nFROM a\nUSER u\n";
    assert_eq!(found(text).0, [("JSONArgsRecommended", (3, 3), "FROM a")]);
}

struct Table;

impl Facts for Table {
    fn image(&self, reference: &str, _: &Platform) -> Option<ImageFacts> {
        assert_eq!(reference, "docker.io/library/node:22");
        Some(ImageFacts {
            platform: Some(Platform::new("linux", "arm64")),
            env: vec!["NODE_VERSION=22".into()],
            shell: true,
            ..ImageFacts::default()
        })
    }
}

#[test]
fn facts_of_images_are_used() {
    let options = Options { facts: Some(&Table), ..Options::default() };
    let report = check("FROM node:22\nLABEL v=$NODE_VERSION\nCMD x", &options);
    let messages: Vec<&str> = report.warnings.iter().map(|warning| warning.message.as_str()).collect();
    assert_eq!(
        messages,
        ["Base image node:22 was pulled with platform \"linux/arm64\", expected \"linux/amd64\" for current build"]
    );
}

#[test]
fn ignored_files_are_pointed_out() {
    let matches = |path: &str| path == "secret" || path.starts_with("secret/");
    let options = Options { ignored: Some(Ignored { matches: &matches, everything: false }), ..Options::default() };
    let text = "FROM scratch AS a\nCOPY ./secret/x . /\nADD secret /\nCOPY --from=a secret /\n";
    let report = check(text, &options);
    let messages: Vec<&str> = report.warnings.iter().map(|warning| warning.message.as_str()).collect();
    assert_eq!(report.errors[0].message, "circular dependency detected on stage: a");
    assert_eq!(messages, [""; 0]);
    let report = check(&text.replace("FROM scratch AS a", "FROM scratch AS a\nFROM scratch"), &options);
    let messages: Vec<&str> = report.warnings.iter().map(|warning| warning.message.as_str()).collect();
    assert_eq!(
        messages,
        [
            "Attempting to Copy file \"secret/x\" that is excluded by .dockerignore",
            "Attempting to Add file \"secret\" that is excluded by .dockerignore",
        ]
    );
}

#[test]
fn an_editor_gets_all_errors_and_what_else_there_is() {
    let text = "FROM scratch as a\nWAT\nCOPY --form=x a b\nCOPY https://a b\nUSER $x\n";
    let report = check(text, &Options { go_on: true, ..Options::default() });
    let lines: Vec<(usize, &str)> = report.diagnostics().iter().map(|d| (d.lines.0, d.rule)).collect();
    assert_eq!(lines, [(1, "FromAsCasing"), (2, ""), (3, ""), (4, ""), (5, "UndefinedVar")]);
    assert_eq!(check(text, &Options::default()).errors.len(), 1);
}

#[test]
fn fixes_mend_what_was_found() {
    for (text, mended) in [
        ("FROM scratch AS Base", "FROM scratch AS base"),
        ("FROM scratch as base", "FROM scratch AS base"),
        ("FROM scratch\nUSER a\nuser b", "FROM scratch\nUSER a\nUSER b"),
        ("FROM scratch\nCOPY a \\\n\n  \n b", "FROM scratch\nCOPY a \\\n b"),
        ("FROM scratch\nMAINTAINER Me <a@b>", "FROM scratch\nLABEL org.opencontainers.image.authors=\"Me <a@b>\""),
        ("FROM scratch\nENV a b c", "FROM scratch\nENV a=\"b c\""),
        ("FROM scratch\nLABEL a b", "FROM scratch\nLABEL a=b"),
        ("FROM --platform=$TARGETPLATFORM scratch", "FROM scratch"),
        ("FROM scratch\nEXPOSE 80/TCP", "FROM scratch\nEXPOSE 80/tcp"),
    ] {
        let report = check(text, &Options::default());
        let fix = &report.warnings[0].fixes[0];
        let mut out = text.to_owned();
        for edit in fix.edits.iter().rev() {
            out.replace_range(edit.span.clone(), &edit.text);
        }
        assert_eq!(out, mended);
        assert_eq!(check(&out, &Options::default()).warnings, [], "{out}");
    }
}

#[test]
fn reports_are_printed_as_docker_prints_them() {
    let text = "FROM scratch as a\nCMD x\n";
    let report = check(text, &Options::default());
    assert_eq!(
        report.to_text(text, "Dockerfile"),
        "Check complete, 2 warnings have been found!\n\
         \nWARNING: FromAsCasing - https://docs.docker.com/go/dockerfile/rule/from-as-casing/\n\
         'as' and 'FROM' keywords' casing do not match\n\
         Dockerfile:1\n--------------------\n   1 | >>> FROM scratch as a\n   2 |     CMD x\n   3 |     \n--------------------\n\
         \nWARNING: JSONArgsRecommended - https://docs.docker.com/go/dockerfile/rule/json-args-recommended/\n\
         JSON arguments recommended for CMD to prevent unintended behavior related to OS signals\n\
         Dockerfile:2\n--------------------\n   1 |     FROM scratch as a\n   2 | >>> CMD x\n   3 |     \n--------------------\n"
    );
    assert_eq!(
        check("FROM scratch", &Options::default()).to_text("FROM scratch", "x"),
        "Check complete, no warnings found.\n"
    );
    let value = report.to_json(text, "Dockerfile");
    assert_eq!(value["warnings"][1]["location"]["ranges"][0]["start"]["line"], 2);
    assert_eq!(value["sources"][0]["data"], "RlJPTSBzY3JhdGNoIGFzIGEKQ01EIHgK");
}

#[test]
fn an_epoch_is_a_number_or_names_what_has_a_time() {
    let error = |epoch: &str| found(&format!("ARG SOURCE_DATE_EPOCH={epoch}\nFROM scratch AS src\n")).1;
    for good in ["", "0", "-5", "1767225600", "context", "SRC"] {
        assert_eq!(error(good), "", "{good}");
    }
    assert_eq!(error("yesterday"), "invalid SOURCE_DATE_EPOCH: yesterday");
    let mut build = expand::Options::default();
    build.build_args.insert("SOURCE_DATE_EPOCH".into(), "1.5".into());
    let report = check("FROM scratch", &Options { build: Some(&build), ..Options::default() });
    assert_eq!(report.errors[0].message, "invalid SOURCE_DATE_EPOCH: 1.5");
}

#[test]
fn similar_names_are_looked_for_as_long_as_that_is_quick() {
    let text = |count: usize| {
        let lines = |line: &str| (0..count).map(|n| line.replace('#', &n.to_string())).collect::<String>();
        format!("FROM scratch\n{}{}", lines("ENV LONG_NAME_#=x\n"), lines("ENV X#=$LONG_NAMF_#\n"))
    };
    let suggested = |count: usize| messages(&text(count)).iter().filter(|text| text.contains("did you mean")).count();
    assert_eq!(suggested(150), 150, "all of an ordinary file");
    let many = suggested(2000);
    assert!((1..100).contains(&many), "{many}");
}
