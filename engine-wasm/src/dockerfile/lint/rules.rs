//! The rules of `docker build --check`: names, descriptions and links as BuildKit has them (`frontend/dockerfile/linter/ruleset.go`), and what each is about in our words.

use super::Severity;

/// A rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// Its name, as `# check=skip=` takes it.
    pub name: &'static str,
    /// BuildKit's sentence.
    pub description: &'static str,
    /// BuildKit's page about it; one rule has none.
    pub url: &'static str,
    /// Off unless asked for with `experimental=`.
    pub experimental: bool,
    /// How much it matters, in our opinion; BuildKit knows warnings only.
    pub severity: Severity,
    /// What it is about and what to do.
    pub explanation: &'static str,
}

macro_rules! rules {
    ($($constant:ident = $name:literal, $severity:ident, $url:literal, $description:literal, $explanation:literal;)*) => {
        $(
            #[doc = concat!("`", $name, "`")]
            pub const $constant: Rule = Rule {
                name: $name,
                description: $description,
                url: $url,
                experimental: matches!($name.as_bytes(), b"InvalidDefinitionDescription"),
                severity: Severity::$severity,
                explanation: $explanation,
            };
        )*
        /// All rules, in BuildKit's order.
        pub const RULES: &[Rule] = &[$($constant),*];
    };
}

rules! {
    STAGE_NAME_CASING = "StageNameCasing", Style, "https://docs.docker.com/go/dockerfile/rule/stage-name-casing/",
        "Stage names should be lowercase",
        "Stage names are compared without regard to case in COPY --from, and kept in lower case. A name written with capitals suggests a difference that is not there, and a FROM that repeats the capitals finds no stage but looks for an image. Write the name in lower case everywhere.";
    FROM_AS_CASING = "FromAsCasing", Style, "https://docs.docker.com/go/dockerfile/rule/from-as-casing/",
        "The 'as' keyword should match the case of the 'from' keyword",
        "FROM and AS are two keywords of one instruction; `FROM image as name` mixes two styles in one line. It builds all the same. Write both in capitals or both in small letters.";
    NO_EMPTY_CONTINUATION = "NoEmptyContinuation", Warning, "https://docs.docker.com/go/dockerfile/rule/no-empty-continuation/",
        "Empty continuation lines will become errors in a future release",
        "A line that ends in the escape character goes on in the next one, and empty lines in between are passed over. Shells do not do that, readers do not expect it, and BuildKit means to refuse it one day. Remove the empty line, or put a comment there.";
    CONSISTENT_INSTRUCTION_CASING = "ConsistentInstructionCasing", Style, "https://docs.docker.com/go/dockerfile/rule/consistent-instruction-casing/",
        "All commands within the Dockerfile should use the same casing (either upper or lower)",
        "Instructions may be written in any case. A file in which some are in capitals and some are not is harder to scan, and mixed case within a word is most often a slip. Follow what most instructions of the file do; capitals are the custom.";
    DUPLICATE_STAGE_NAME = "DuplicateStageName", Warning, "https://docs.docker.com/go/dockerfile/rule/duplicate-stage-name/",
        "Stage names should be unique",
        "Two stages with one name: what refers to the name gets the nearest one above, and the other can only be had by its number. Usually a stage was copied and not renamed. Give each its own name.";
    RESERVED_STAGE_NAME = "ReservedStageName", Warning, "https://docs.docker.com/go/dockerfile/rule/reserved-stage-name/",
        "Reserved words should not be used as stage names",
        "`scratch` means the empty image and `context` the build context. A stage of that name hides them or is hidden by them, depending on where it is used. Choose another name.";
    JSON_ARGS_RECOMMENDED = "JSONArgsRecommended", Warning, "https://docs.docker.com/go/dockerfile/rule/json-args-recommended/",
        "JSON arguments recommended for ENTRYPOINT/CMD to prevent unintended behavior related to OS signals",
        "In the shell form, process 1 of the container is a shell, which starts the program as its child and passes no signals on: `docker stop` waits ten seconds and kills it, and Ctrl-C may do nothing. Write the command as a JSON array. Where a shell is wanted, say which with SHELL, or start it yourself and `exec` the program.";
    MAINTAINER_DEPRECATED = "MaintainerDeprecated", Warning, "https://docs.docker.com/go/dockerfile/rule/maintainer-deprecated/",
        "The MAINTAINER instruction is deprecated, use a label instead to define an image author",
        "MAINTAINER sets a field of the image that few tools show. The label `org.opencontainers.image.authors` says the same, can be seen with `docker inspect`, and can be filtered by.";
    UNDEFINED_ARG_IN_FROM = "UndefinedArgInFrom", Warning, "https://docs.docker.com/go/dockerfile/rule/undefined-arg-in-from/",
        "FROM command must use declared ARGs",
        "A FROM sees only the ARGs above the first FROM, and the predefined platform arguments. Anything else is empty there, even when it is given with --build-arg. Declare it at the top of the file, or correct its name.";
    WORKDIR_RELATIVE_PATH = "WorkdirRelativePath", Warning, "https://docs.docker.com/go/dockerfile/rule/workdir-relative-path/",
        "Relative workdir without an absolute workdir declared within the build can have unexpected results if the base image changes",
        "A relative WORKDIR starts from the one before it; when there is none in the file, from whatever the base image has set. An update of that image can silently move your files. Begin with an absolute path; later ones may be relative to it.";
    UNDEFINED_VAR = "UndefinedVar", Warning, "https://docs.docker.com/go/dockerfile/rule/undefined-var/",
        "Variables should be defined before their use",
        "A variable that no ARG, ENV or base image sets is empty, so the instruction does something else than it says. Often it is a slip of the pen, or an ARG from above the first FROM that has to be declared again within the stage. Declare it, correct it, or give it a default: `${name:-}`.";
    MULTIPLE_INSTRUCTIONS_DISALLOWED = "MultipleInstructionsDisallowed", Warning, "https://docs.docker.com/go/dockerfile/rule/multiple-instructions-disallowed/",
        "Multiple instructions of the same type should not be used in the same stage",
        "CMD, ENTRYPOINT and HEALTHCHECK each set one thing of the image, so that of several in a stage only the last one counts. The ones above it do nothing and mislead the reader. Keep one.";
    LEGACY_KEY_VALUE_FORMAT = "LegacyKeyValueFormat", Warning, "https://docs.docker.com/go/dockerfile/rule/legacy-key-value-format/",
        "Legacy key/value format with whitespace separator should not be used",
        "In `ENV name some value` everything up to the end of the line is the value, so only one variable fits in an instruction, and what looks like a second one becomes part of the first. Write `ENV name=\"some value\"`.";
    INVALID_BASE_IMAGE_PLATFORM = "InvalidBaseImagePlatform", Warning, "",
        "Base image platform does not match expected target platform",
        "The base image was made for another system or processor than the one this build is for. The result would hold programs that cannot run there, or run slowly through emulation. Choose a base that exists for the platform, or say with --platform that the difference is meant.";
    REDUNDANT_TARGET_PLATFORM = "RedundantTargetPlatform", Info, "https://docs.docker.com/go/dockerfile/rule/redundant-target-platform/",
        "Setting platform to predefined $TARGETPLATFORM in FROM is redundant as this is the default behavior",
        "A stage is built for the target platform unless it says otherwise, so `--platform=$TARGETPLATFORM` changes nothing. Leave it out; what remains are the stages for which the platform matters, such as `--platform=$BUILDPLATFORM`.";
    SECRETS_USED_IN_ARG_OR_ENV = "SecretsUsedInArgOrEnv", Warning, "https://docs.docker.com/go/dockerfile/rule/secrets-used-in-arg-or-env/",
        "Sensitive data should not be used in the ARG or ENV commands",
        "The values of ARG and ENV are kept in the image's configuration and history: whoever has the image can read them with `docker history` or `docker inspect`. The name suggests a password, key or token. Give it to the one command that needs it with `RUN --mount=type=secret`.";
    INVALID_DEFAULT_ARG_IN_FROM = "InvalidDefaultArgInFrom", Warning, "https://docs.docker.com/go/dockerfile/rule/invalid-default-arg-in-from/",
        "Default value for global ARG results in an empty or invalid base image name",
        "Without --build-arg, the base image's name comes out empty or malformed, and a plain `docker build` fails. Give the ARG a default that makes a valid name, or write one into the variable: `${TAG:-latest}`.";
    FROM_PLATFORM_FLAG_CONST_DISALLOWED = "FromPlatformFlagConstDisallowed", Warning, "https://docs.docker.com/go/dockerfile/rule/from-platform-flag-const-disallowed/",
        "FROM --platform flag should not use a constant value",
        "A fixed platform makes the stage the same for every target, so that the file can no longer be built for others. Leave --platform out, use a predefined variable such as $BUILDPLATFORM, or, where one stage for each platform is meant, name the stage after its platform.";
    COPY_IGNORED_FILE = "CopyIgnoredFile", Warning, "https://docs.docker.com/go/dockerfile/rule/copy-ignored-file/",
        "Attempting to Copy file that is excluded by .dockerignore",
        "The .dockerignore file keeps this path out of the build context, so that COPY or ADD cannot find it: the build fails, or copies less than it seems. Change the pattern, except the file from it with `!`, or do not copy it.";
    INVALID_DEFINITION_DESCRIPTION = "InvalidDefinitionDescription", Style, "https://docs.docker.com/go/dockerfile/rule/invalid-definition-description/",
        "Comment for build stage or argument should follow the format: `# <arg/stage name> <description>`. If this is not intended to be a description comment, add an empty line or comment between the instruction and the comment.",
        "A comment right above a named stage or an ARG is shown as its description by `docker build --call=outline` and `--call=targets`, when it begins with the name. This one does not, so it is not shown. Begin it with the name, or leave an empty line below it. This rule is experimental: it is off unless the file has `# check=experimental=InvalidDefinitionDescription` or `experimental=all`.";
    EXPOSE_PROTO_CASING = "ExposeProtoCasing", Style, "https://docs.docker.com/go/dockerfile/rule/expose-proto-casing/",
        "Protocol in EXPOSE instruction should be lowercase",
        "The protocol of a port is kept in lower case whatever is written. Write it that way: `EXPOSE 80/tcp`.";
    EXPOSE_INVALID_FORMAT = "ExposeInvalidFormat", Warning, "https://docs.docker.com/go/dockerfile/rule/expose-invalid-format/",
        "IP address and host-port mapping should not be used in EXPOSE instruction. This will become an error in a future release",
        "EXPOSE says which port the container listens on. Which address and port of the host it is reached by is decided when the container starts, with `docker run -p`; an address or a second port here is passed over, and will be refused one day. Write the container's port alone.";
}

/// A rule by its name.
pub fn rule(name: &str) -> Option<&'static Rule> {
    RULES.iter().find(|rule| rule.name == name)
}
