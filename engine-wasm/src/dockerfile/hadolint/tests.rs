use super::*;
use crate::dockerfile::format::random::dockerfile;

fn rules(text: &str) -> Vec<&'static str> {
    rules_with(text, &Options::default())
}

fn rules_with(text: &str, options: &Options) -> Vec<&'static str> {
    check(text, options).into_iter().map(|found| found.rule).collect()
}

fn lines(text: &str, rule: &str) -> Vec<usize> {
    check(text, &Options::default()).iter().filter(|found| found.rule == rule).map(|found| found.lines.0).collect()
}

/// For each rule something that it finds, and the same mended.
const FILES: &[(&str, &str, &str)] = &[
    ("DL3000", "FROM a:1\nWORKDIR x", "FROM a:1\nWORKDIR $x"),
    ("DL3002", "FROM a:1\nUSER 1\nUSER root", "FROM a:1\nUSER root\nUSER 1"),
    ("DL3006", "FROM a", "FROM a:1"),
    ("DL3007", "FROM a:latest", "FROM a:latest@sha256:1"),
    ("DL3010", "FROM a:1\nCOPY x.tgz /\nRUN tar -xf /x.tgz", "FROM a:1\nCOPY x.tgz /\nRUN tar -cf /x.tgz"),
    ("DL3011", "FROM a:1\nEXPOSE 80-65536", "FROM a:1\nEXPOSE 80-65535/udp"),
    (
        "DL3012",
        "FROM a:1\nHEALTHCHECK CMD [\"x\"]\nHEALTHCHECK NONE",
        "FROM a:1\nHEALTHCHECK NONE\nFROM b:1\nHEALTHCHECK NONE",
    ),
    ("DL3020", "FROM a:1\nADD x.py /y", "FROM a:1\nADD x.tar http://z /y/"),
    ("DL3021", "FROM a:1\nCOPY x y /z", "FROM a:1\nCOPY x y /z/"),
    ("DL3022", "FROM a:1\nCOPY --from=b /x /y", "FROM a:1 AS b\nFROM c:1\nCOPY --from=b /x /y"),
    ("DL3023", "FROM a:1 AS b\nCOPY --from=b /x /y", "FROM a:1 AS b\nFROM a:1\nCOPY --from=b /x /y"),
    ("DL3024", "FROM a:1 AS b\nFROM a:1 AS b", "FROM a:1 AS b\nFROM a:1 AS B"),
    ("DL3025", "FROM scratch\nCMD x", "FROM scratch\nCMD [\"x\"]"),
    ("DL3029", "FROM --platform=linux/amd64 a:1", "FROM --platform=$BUILDPLATFORM a:1"),
    (
        "DL3033",
        "FROM a:1\nRUN yum install -y x && yum clean all",
        "FROM a:1\nARG V=1\nRUN yum install -y x-$V && yum clean all",
    ),
    ("DL3042", "FROM a:1\nRUN pip install x==1", "FROM a:1\nENV PIP_NO_CACHE_DIR=1\nRUN pip install x==1"),
    ("DL3043", "FROM a:1\nONBUILD FROM b", "FROM a:1\nONBUILD RUN x"),
    ("DL3044", "FROM a:1\nENV x=1 y=${x}", "FROM a:1\nENV x=1\nENV y=$x x=2"),
    ("DL3045", "FROM a:1\nCOPY x y", "FROM a:1\nWORKDIR /z\nCOPY x y"),
    ("DL3048", "FROM a:1\nLABEL X=1", "FROM a:1\nLABEL x.y-z=1"),
    ("DL3061", "RUN x\nFROM a:1", "ARG x\nFROM a:1"),
    ("DL3063", "FROM a:1 AS context", "FROM a:1 AS contexts"),
    ("DL3064", "FROM a:1\nENV a=1 My_Token=x", "FROM a:1\nENV a=1"),
    ("DL3065", "FROM --platform=$TARGETPLATFORM a:1", "FROM --platform=$BUILDPLATFORM a:1"),
    ("DL3066", "FROM a:1\nUSER me:1", "FROM a:1\nARG U\nUSER ${U}:me"),
    ("DL3067", "FROM a:1 AS b\nFROM a:1\nCOPY --from=b / /", "FROM a:1 AS b\nFROM a:1\nCOPY --from=b / /c"),
    ("DL4000", "FROM a:1\nMAINTAINER me", "FROM a:1\nLABEL me=you"),
    ("DL4003", "FROM a:1\nCMD [\"x\"]\nCMD [\"y\"]", "FROM a:1\nCMD [\"x\"]\nFROM a:1\nCMD [\"y\"]"),
    ("DL4004", "FROM a:1\nENTRYPOINT [\"x\"]\nENTRYPOINT [\"y\"]", "FROM a:1\nENTRYPOINT [\"x\"]"),
    ("DL4006", "FROM a:1\nRUN x | y", "FROM a:1\nSHELL [\"/bin/bash\", \"-o\", \"pipefail\", \"-c\"]\nRUN x | y"),
];

/// The same for rules of commands: what one `RUN` has.
const COMMANDS: &[(&str, &str, &str)] = &[
    ("DL3001", "x && service y start", "x && services y"),
    ("DL3003", "cd /x && y", "cdx /x && y"),
    ("DL3004", "sudo x", "x sudo"),
    ("DL3008", "apt-get install -t x y", "apt-get install -t x y=1 ./z.deb"),
    ("DL3009", "apt-get update && apt-get install -y x=1", "apt-get update && rm -rf /var/lib/apt/lists/*"),
    ("DL3013", "python3 -m pip install -i u x", "pip install x==1 -r y"),
    ("DL3014", "apt-get install x=1", "apt-get -yq install x=1"),
    ("DL3015", "apt-get install x=1", "apt-get install --no-install-recommends x=1"),
    ("DL3016", "npm install -g @a/b", "npm install -g @a/b@1 ./c"),
    ("DL3018", "apk add --virtual .d x", "apk add --virtual .d x~1"),
    ("DL3019", "apk add x=1", "--mount=type=cache,target=/var/cache/apk apk add x=1"),
    ("DL3027", "apt autoremove", "apt-cache search x"),
    ("DL3028", "gem install x", "gem install x:1"),
    ("DL3030", "yum install x-1 && yum clean all", "yum install -y x-1 && yum clean all"),
    ("DL3032", "yum clean all && yum install -y x-1", "yum install -y x-1 && yum clean all"),
    ("DL3034", "zypper in x=1 && zypper cc", "zypper -n in x=1 && zypper cc"),
    ("DL3035", "zypper dup", "zypper info"),
    ("DL3036", "zypper in -y x=1", "zypper in -y x=1 && zypper cc"),
    ("DL3037", "zypper in -y x && zypper cc", "zypper in -y 'x>1' && zypper cc"),
    ("DL3038", "dnf install x-1 && dnf clean all", "microdnf install -y x-1 && microdnf clean all"),
    ("DL3040", "microdnf upgrade", "dnf upgrade && dnf clean all"),
    ("DL3041", "dnf install -y x && dnf clean all", "dnf install -y x.rpm-1 && dnf clean all"),
    ("DL3046", "useradd -u 123456 x", "useradd -l -u 123456 x"),
    ("DL3047", "wget x", "wget -O - -nv x"),
    ("DL3059", "x\nRUN y", "x\nRUN y && z"),
    ("DL3060", "yarn install", "yarn install && yarn cache clean"),
    ("DL3062", "go install x@latest", "go install x@v1 && go run ./y"),
    ("DL4001", "wget -q x && y\nRUN curl x && y", "wget -q x && y\nFROM b:1\nRUN curl x && y"),
    ("DL4005", "ln -sf /bin/bash /bin/sh", "ln -sf /bin/bash /bin/x"),
];

/// Each rule with a file that it finds fault with, and with one that is right.
fn cases() -> Vec<(&'static str, String, String)> {
    let files = FILES.iter().map(|(rule, bad, good)| (*rule, (*bad).to_owned(), (*good).to_owned()));
    let run = |command: &str| format!("FROM a:1\nRUN {command}");
    files.chain(COMMANDS.iter().map(|(rule, bad, good)| (*rule, run(bad), run(good)))).collect()
}

#[test]
fn each_rule_finds_its_fault_and_not_what_is_right() {
    let cases = cases();
    for (rule, bad, good) in &cases {
        assert!(rules(bad).contains(rule), "{rule}: {bad:?} {:?}", rules(bad));
        assert!(!rules(good).contains(rule), "{rule}: {good:?} {:?}", rules(good));
    }
    let configured = ["DL1001", "DL3026", "DL3057"]
        .into_iter()
        .chain(RULES.iter().map(|rule| rule.code).filter(|code| ("DL3049".."DL3057").contains(code)));
    let tested = cases.iter().map(|(rule, ..)| *rule).chain(configured).chain(["DL3058"]);
    let tested: BTreeSet<&str> = tested.collect();
    assert_eq!(tested, RULES.iter().map(|rule| rule.code).collect(), "every rule has a case");
    assert!(RULES.is_sorted_by(|a, b| a.code < b.code));
}

#[test]
fn rules_that_ask_for_configuration_have_it() {
    let mut options = Options { strict_labels: true, ..Options::default() };
    options.trusted_registries = vec!["docker.io".into(), "*.example.org".into()];
    assert_eq!(rules_with("FROM a:1", &options), Vec::<&str>::new());
    assert_eq!(rules_with("FROM r.example.org/a:1 AS x\nFROM x:1", &options), Vec::<&str>::new());
    assert_eq!(rules_with("FROM ghcr.io/a:1", &options), ["DL3026"]);
    let kinds = [("u", LabelKind::Url), ("t", LabelKind::Text)];
    options.label_schema = kinds.into_iter().map(|(label, kind)| (label.to_owned(), kind)).collect();
    let found = check("FROM a:1\nLABEL u=x t= o=1", &options);
    let messages: Vec<_> = found.iter().map(|found| (found.rule, found.message.as_str())).collect();
    assert_eq!(
        messages,
        [
            ("DL3050", "Superfluous label(s) present."),
            ("DL3051", "label `t` is empty."),
            ("DL3052", "Label `u` is not a valid URL.")
        ]
    );
    let copied = "FROM a:1 AS b\nFROM c:1\nCOPY --from=b /x /y\nLABEL u=http://x t=y";
    assert_eq!(rules_with(copied, &options), Vec::<&str>::new());
    assert_eq!(rules_with("FROM a:1\nRUN x", &options), ["DL3049", "DL3049"]);
    assert_eq!(rules("FROM a:1\n# hadolint ignore=DL1\nRUN x"), Vec::<&str>::new());
    let on = [("DL1001", Severity::Info), ("DL3057", Severity::Warning)];
    let severities = on.into_iter().map(|(rule, severity)| (rule.to_owned(), severity)).collect();
    let options = Options { severities, ..Options::default() };
    let found = check("FROM a:1\n# hadolint ignore=DL1\nRUN x", &options);
    let found: Vec<_> = found.iter().map(|found| (found.rule, found.severity, found.lines.0)).collect();
    assert_eq!(found, [("DL3057", Severity::Warning, 1), ("DL1001", Severity::Info, 2)]);
}

#[test]
fn comments_leave_rules_out() {
    assert_eq!(rules("# hadolint ignore=DL3006\nFROM a\nUSER root"), ["DL3002", "DL3066"]);
    assert_eq!(rules("# hadolint global ignore=DL3006,DL3066 # for now\nFROM a\nUSER root"), ["DL3002"]);
    assert_eq!(lines("# hadolint stage ignore=DL3001\nFROM a:1\nRUN vim\nFROM b:1\nRUN vim", "DL3001"), [5]);
    let options = Options { disable_pragmas: true, ..Options::default() };
    assert_eq!(rules_with("# hadolint ignore=DL3006\nFROM a", &options), ["DL3006"]);
    let options = Options { ignored: ["DL3006".to_owned()].into(), ..Options::default() };
    assert_eq!(rules_with("FROM a", &options), Vec::<&str>::new());
}

#[test]
fn findings_point_at_their_place() {
    let text = "FROM a:1\nRUN x && \\\n # c\n  apt-get install -y --no-install-recommends \\\n  curl && y\n";
    let found = check(text, &Options::default());
    assert_eq!((found[0].rule, &text[found[0].span.clone()], found[0].lines), ("DL3008", "curl", (2, 5)));
    assert_eq!(found[0].url, "https://github.com/hadolint/hadolint/wiki/DL3008");
}

#[test]
fn fixes_mend() {
    for (before, after) in [
        ("FROM a:1\nRUN apt-get install \\\n  x=1", "FROM a:1\nRUN apt-get install -y \\\n  x=1"),
        (
            "FROM a:1\nRUN apt update && apt install -y x=1",
            "FROM a:1\nRUN apt-get update && apt-get install -y x=1 && rm -rf /var/lib/apt/lists/*",
        ),
        ("FROM a:1\nRUN apt-get update; x", "FROM a:1\nRUN apt-get update; x"),
        ("FROM a:1\nRUN apk add x=1 && apk add y=1", "FROM a:1\nRUN apk add --no-cache x=1 && apk add --no-cache y=1"),
        ("FROM a:1\nADD --chown=1 x.py /y", "FROM a:1\nCOPY --chown=1 x.py /y"),
        ("FROM a:1\nADD $x /y", "FROM a:1\nADD $x /y"),
        ("FROM a:1\nCOPY x y /z", "FROM a:1\nCOPY x y /z/"),
        ("FROM a:1\nCMD echo $x", "FROM a:1\nCMD echo $x"),
        ("FROM a:1\nCMD [\"x\"]\nRUN y\nCMD [\"z\"]\nCMD [\"w\"]\n", "FROM a:1\nRUN y\nCMD [\"w\"]\n"),
        ("FROM --platform=$TARGETPLATFORM  a:1", "FROM a:1"),
        ("FROM a:1\nMAINTAINER Me <me@x.y>", "FROM a:1\nLABEL org.opencontainers.image.authors=\"Me <me@x.y>\""),
        ("FROM a:1\nRUN yum install x-1", "FROM a:1\nRUN yum install -y x-1 && yum clean all"),
        ("FROM a:1\nRUN [\"apt-get\", \"install\", \"x=1\"]", "FROM a:1\nRUN [\"apt-get\", \"install\", \"x=1\"]"),
        ("FROM a:1\nRUN <<E\napt-get install x=1\nE\n", "FROM a:1\nRUN <<E\napt-get install -y x=1\nE\n"),
    ] {
        assert_eq!(fix_all(before, &Options::default()), after, "{before:?}");
    }
}

/// Each fix alone, and all of them together, leave a file that parses and no longer has what was fixed.
fn holds(text: &str) -> usize {
    let options = Options::default();
    let before = check(text, &options);
    let count = |found: &[Diagnostic], rule: &str| found.iter().filter(|found| found.rule == rule).count();
    let errors = parse(text).errors.len();
    let mut fixed = 0;
    for found in before.iter().filter(|found| !found.fixes.is_empty()) {
        let after = apply(text, &found.fixes[0].edits);
        assert_eq!(parse(&after).errors.len(), errors, "{}: {text:?}\n{after:?}", found.rule);
        let left = check(&after, &options);
        assert!(count(&left, found.rule) < count(&before, found.rule), "{}: {text:?}\n{after:?}", found.rule);
        assert!(rule(found.rule).is_some_and(|rule| rule.fixable), "{}", found.rule);
        fixed += 1;
    }
    let after = fix_all(text, &options);
    if errors == 0 {
        assert!(parse(&after).errors.is_empty());
        assert!(check(&after, &options).iter().all(|found| found.fixes.is_empty()), "{text:?}\n{after:?}");
    }
    fixed
}

#[test]
fn a_fix_leaves_nothing_of_what_it_fixes() {
    let cases = cases();
    let fixable: BTreeSet<&str> = cases
        .iter()
        .filter(|(rule, bad, _)| {
            check(bad, &Options::default()).iter().any(|found| found.rule == *rule && !found.fixes.is_empty())
        })
        .map(|(rule, ..)| *rule)
        .collect();
    let declared: BTreeSet<&str> = RULES.iter().filter(|rule| rule.fixable).map(|rule| rule.code).collect();
    assert_eq!(
        declared.difference(&fixable).copied().collect::<Vec<_>>(),
        ["DL3032"],
        "its case has the clean-up first"
    );
    let mut fixed = 0;
    for (_, bad, good) in &cases {
        fixed += holds(bad) + holds(good);
        fixed += holds(&format!("{}\n", bad.replace('\n', "\r\n")));
    }
    for seed in 0..1500 {
        fixed += holds(&dockerfile(seed));
    }
    // Faulty lines in random order.
    let mut random = crate::dockerfile::format::random::Random(3);
    for _ in 0..600 {
        let mut text = "FROM debian:12 AS x\n".to_owned();
        for _ in 0..1 + random.below(6) {
            let (_, bad, _) = &cases[random.below(cases.len())];
            text.push_str(bad);
            text.push('\n');
        }
        fixed += holds(&text);
    }
    assert!(fixed > 800, "{fixed}");
}

#[test]
fn build_checks_are_mended_too() {
    let diagnostic = |rule: &'static str, line: usize, message: &str| Diagnostic {
        rule,
        message: message.to_owned(),
        severity: Severity::Warning,
        url: "",
        span: 0..0,
        lines: (line, line),
        fixes: Vec::new(),
    };
    for (rule, line, message, before, after) in [
        (
            "ConsistentInstructionCasing",
            2,
            "Command 'run' should match the case of the command majority (uppercase)",
            "FROM a\nrun x",
            "FROM a\nRUN x",
        ),
        ("FromAsCasing", 1, "", "FROM a as b", "FROM a AS b"),
        ("FromAsCasing", 1, "", "from a AS b", "from a as b"),
        (
            "StageNameCasing",
            1,
            "",
            "FROM a AS Build\nFROM Build\nCOPY --from=BUILD x y",
            "FROM a AS build\nFROM build\nCOPY --from=build x y",
        ),
        (
            "MaintainerDeprecated",
            2,
            "",
            "FROM a\nmaintainer me",
            "FROM a\nlabel org.opencontainers.image.authors=\"me\"",
        ),
        ("LegacyKeyValueFormat", 2, "", "FROM a\nENV k  v w", "FROM a\nENV k=\"v w\""),
        ("LegacyKeyValueFormat", 2, "", "FROM a\nLABEL k v", "FROM a\nLABEL k=v"),
        ("LegacyKeyValueFormat", 2, "", "FROM a\nENV k \"v\"", "FROM a\nENV k \"v\""),
        ("JSONArgsRecommended", 2, "", "FROM scratch\nENTRYPOINT top -b", "FROM scratch\nENTRYPOINT top -b"),
        ("NoEmptyContinuation", 2, "", "FROM a\nRUN x \\\n\n \n  y", "FROM a\nRUN x \\\n  y"),
        ("RedundantTargetPlatform", 1, "", "FROM --platform=$TARGETPLATFORM a", "FROM a"),
        ("ExposeProtoCasing", 2, "", "FROM a\nEXPOSE 80/TCP 81", "FROM a\nEXPOSE 80/tcp 81"),
        ("ExposeInvalidFormat", 2, "", "FROM a\nEXPOSE 127.0.0.1:80:81", "FROM a\nEXPOSE 81"),
        ("WorkdirRelativePath", 2, "", "FROM a\nWORKDIR x", "FROM a\nWORKDIR x"),
    ] {
        let edits: Vec<_> =
            fix::fixes(before, &diagnostic(rule, line, message)).into_iter().flat_map(|fix| fix.edits).collect();
        assert_eq!(apply(before, &edits), after, "{rule}");
    }
}
