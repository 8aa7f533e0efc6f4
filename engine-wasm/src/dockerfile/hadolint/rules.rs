//! The one table of rules: code, severity, message, explanation.

use crate::dockerfile::lint::Severity;

/// A rule of hadolint.
#[derive(Debug, Clone, Copy)]
pub struct Rule {
    /// `DL3006`.
    pub code: &'static str,
    /// Its severity; `None` for a rule that is off unless it is given one.
    pub severity: Option<Severity>,
    /// hadolint's text; `{}` stands for a label's name.
    pub message: &'static str,
    /// Why it matters, in a paragraph of Markdown.
    pub explanation: &'static str,
    /// hadolint's page about it.
    pub url: &'static str,
    /// Whether what it finds can have a fix.
    pub fixable: bool,
}

/// Looks a rule up by its code.
pub fn rule(code: &str) -> Option<&'static Rule> {
    RULES.binary_search_by(|rule| rule.code.cmp(code)).ok().map(|index| &RULES[index])
}

macro_rules! table {
    ($($code:ident $severity:ident $fixable:literal $message:literal $explanation:literal)*) => {
        /// Every rule that is checked, by code.
        pub const RULES: &[Rule] = &[$(Rule {
            code: stringify!($code),
            severity: level!($severity),
            message: $message,
            explanation: $explanation,
            url: concat!("https://github.com/hadolint/hadolint/wiki/", stringify!($code)),
            fixable: $fixable,
        }),*];
    };
}

macro_rules! level {
    (Off) => {
        None
    };
    ($severity:ident) => {
        Some(Severity::$severity)
    };
}

// Code, severity, whether what it finds can have a fix; the message; the explanation.
table! {
    DL1001 Off false
        "Please refrain from using inline ignore pragmas  `# hadolint ignore=DLxxxx`."
        "A comment that silences a rule silences it for everyone who works on the file. Teams that want one set of rules keep exceptions in the checker's configuration. This rule is off unless it is given a severity."
    DL3000 Error false
        "Use absolute WORKDIR"
        "A relative `WORKDIR` goes on from the one before, perhaps the base image's, so what it means depends on other lines. An absolute path means the same wherever the line stands."
    DL3001 Info false
        "For some bash commands it makes no sense running them in a Docker container like `ssh`, `vim`, `shutdown`, `service`, `ps`, `free`, `top`, `kill`, `mount`, `ifconfig`"
        "Nobody is there to use an editor or to look at a process list while an image is built, no service manager runs, and a build container ends with its command. Such a line does nothing for the image."
    DL3002 Warning false
        "Last USER should not be root"
        "Containers run as the stage's last user. A process that has no need of root's rights should not have them: whoever takes it over gets them too."
    DL3003 Warning false
        "Use WORKDIR to switch to a directory"
        "`cd` holds for its own `RUN` only. `WORKDIR` holds for what follows, for containers, and is seen at a glance."
    DL3004 Error false
        "Do not use sudo as it leads to unpredictable behavior. Use a tool like gosu to enforce root"
        "Builds run as root unless `USER` says otherwise, so `sudo` is not needed, and in a container it gets in the way of terminals and signals. Change the user with `USER`, or drop rights with `gosu` when the container starts."
    DL3006 Warning false
        "Always tag the version of an image explicitly"
        "Without a tag `latest` is taken, which is another image from one day to the next. A build that names its version can be repeated."
    DL3007 Warning false
        "Using latest is prone to errors if the image will ever update. Pin the version explicitly to a release tag"
        "`latest` is a tag that moves. When it does, the next build is on another image, without any change in the file."
    DL3008 Warning false
        "Pin versions in apt get install. Instead of `apt-get install <package>` use `apt-get install <package>=<version>`"
        "Without a version the build takes whatever the archive has that day, and a cached layer keeps what it had long ago. With one, the version is a decision that shows in the file."
    DL3009 Info true
        "Delete the apt lists (/var/lib/apt/lists) after installing something"
        "`apt-get update` leaves tens of megabytes of package lists that are old the next day. Removing them in the same `RUN` keeps them out of the layer; removing them in a later one does not."
    DL3010 Info false
        "Use `ADD` for extracting archives into an image"
        "An archive that is copied and then unpacked is in the image twice: packed in one layer, unpacked in the next. `ADD` unpacks local archives while it copies them."
    DL3011 Error false
        "Valid UNIX ports range from 0 to 65535"
        "Port numbers have 16 bits. A larger one cannot be listened on."
    DL3012 Error true
        "Multiple `HEALTHCHECK` instructions"
        "Only a stage's last `HEALTHCHECK` counts. The ones before have no effect and mislead the reader."
    DL3013 Warning false
        "Pin versions in pip. Instead of `pip install <package>` use `pip install <package>==<version>` or `pip install --requirement <requirements file>`"
        "Without a version pip takes the newest release, so the same file gives another image tomorrow. A version, or a file of requirements with versions, makes the build repeatable."
    DL3014 Warning true
        "Use the `-y` switch to avoid manual input `apt-get -y install <package>`"
        "Without `-y` apt-get asks whether to go on. Nobody can answer in a build, and it fails."
    DL3015 Info false
        "Avoid additional packages by specifying `--no-install-recommends`"
        "Recommended packages make the image larger and are seldom needed in it. With the switch only what is named and what that depends on is installed."
    DL3016 Warning false
        "Pin versions in npm. Instead of `npm install <package>` use `npm install <package>@<version>`"
        "Without a version npm takes what the registry calls `latest` that day. A version makes the build repeatable."
    DL3018 Warning false
        "Pin versions in apk add. Instead of `apk add <package>` use `apk add <package>=<version>`"
        "Without a version apk takes what the repository has that day. A version, or a range such as `~3.2`, makes the choice visible and the build repeatable."
    DL3019 Info true
        "Use the `--no-cache` switch to avoid the need to use `--update` and remove `/var/cache/apk/*` when done installing packages"
        "`--no-cache` fetches the package index, uses it and keeps nothing, so neither `apk update` before nor cleaning up after is needed."
    DL3020 Error true
        "Use COPY instead of ADD for files and folders"
        "`ADD` also downloads and unpacks, and which it does depends on the source. Where files are only to be copied, `COPY` says so and does nothing else."
    DL3021 Error true
        "COPY with more than 2 arguments requires the last argument to end with /"
        "Several sources can only go into a directory, and a path is taken for one when it ends with `/`. Without it the build fails."
    DL3022 Warning false
        "`COPY --from` should reference a previously defined `FROM` alias"
        "A name that is no stage of the file is taken for an image, which is then downloaded, or not found. A misspelt stage shows as this."
    DL3023 Error false
        "`COPY --from` cannot reference its own `FROM` alias"
        "A stage cannot copy from itself: what it has is there already."
    DL3024 Error false
        "FROM aliases (stage names) must be unique"
        "When two stages have one name, which of them is meant depends on where it is used."
    DL3025 Warning false
        "Use arguments JSON notation for CMD and ENTRYPOINT arguments"
        "In the shell form the program runs as a child of a shell that does not pass signals on, so `docker stop` has to wait and kill. In the JSON form the program itself is process 1."
    DL3026 Error false
        "Use only an allowed registry in the FROM image"
        "The configuration names the registries that images may come from; this image comes from another. Counts only where registries are configured."
    DL3027 Warning true
        "Do not use apt as it is meant to be an end-user tool, use apt-get or apt-cache instead"
        "`apt` is made for people at a terminal: its output and options can change. `apt-get` and `apt-cache` keep theirs for scripts."
    DL3028 Warning false
        "Pin versions in gem install. Instead of `gem install <gem>` use `gem install <gem>:<version>`"
        "Without a version gem takes the newest release, so the same file gives another image tomorrow."
    DL3029 Warning false
        "Do not use --platform flag with FROM"
        "A platform written into the file binds every build to it. Leave it to `docker build --platform`, or use `$BUILDPLATFORM` and `$TARGETPLATFORM` to cross-compile."
    DL3030 Warning true
        "Use the -y switch to avoid manual input `yum install -y <package>`"
        "Without `-y` yum asks whether to go on. Nobody can answer in a build, and it fails."
    DL3032 Warning true
        "`yum clean all` missing after yum command."
        "yum keeps metadata and packages under `/var/cache/yum`. Cleaning up in the same `RUN` keeps them out of the layer."
    DL3033 Warning false
        "Specify version with `yum install -y <package>-<version>`."
        "Without a version yum takes what the repository has that day. A version makes the build repeatable."
    DL3034 Warning true
        "Non-interactive switch missing from `zypper` command: `zypper install -y`"
        "zypper asks before it changes anything. Nobody can answer in a build, and it fails."
    DL3035 Warning false
        "Do not use `zypper dist-upgrade`."
        "Upgrading the whole distribution inside a build gives another system each time, and a large layer. Build on a newer image instead."
    DL3036 Warning true
        "`zypper clean` missing after zypper use."
        "zypper keeps metadata and packages under `/var/cache/zypp`. Cleaning up in the same `RUN` keeps them out of the layer."
    DL3037 Warning false
        "Specify version with `zypper install -y <package>=<version>`."
        "Without a version zypper takes what the repository has that day. A version makes the build repeatable."
    DL3038 Warning true
        "Use the -y switch to avoid manual input `dnf install -y <package>`"
        "Without `-y` dnf asks whether to go on. Nobody can answer in a build, and it fails."
    DL3040 Warning true
        "`dnf clean all` missing after dnf command."
        "dnf keeps metadata and packages in its cache. Cleaning up in the same `RUN` keeps them out of the layer."
    DL3041 Warning false
        "Specify version with `dnf install -y <package>-<version>`."
        "Without a version dnf takes what the repository has that day. A version makes the build repeatable."
    DL3042 Warning true
        "Avoid use of cache directory with pip. Use `pip install --no-cache-dir <package>`"
        "pip keeps what it downloads for a next time that an image never sees. Without the cache the layer is smaller; a cache mount is the other way."
    DL3043 Error false
        "`ONBUILD`, `FROM` or `MAINTAINER` triggered from within `ONBUILD` instruction."
        "These three cannot be kept for later: `ONBUILD` refuses them."
    DL3044 Error false
        "Do not refer to an environment variable within the same `ENV` statement where it is defined."
        "All values of one `ENV` are expanded before any of its variables is set, so the reference gives the old value, or nothing. Use two instructions."
    DL3045 Warning false
        "`COPY` to a relative destination without `WORKDIR` set."
        "A relative destination is below the working directory, which comes from the base image when the file sets none. That is easily another one than was meant."
    DL3046 Warning true
        "`useradd` without flag `-l` and high UID will result in excessively large Image."
        "useradd writes a record for the user into `/var/log/lastlog` and `faillog`, at a place given by the user's number. With a high number these sparse files become huge in a layer; `-l` leaves them alone."
    DL3047 Info false
        "Avoid use of wget without progress bar. Use `wget --progress=dot:giga <url>`. Or consider using `-q` or `-nv` (shorthands for `--quiet` or `--no-verbose`)."
        "wget's progress bar redraws itself and fills a build's log. Dots for each megabyte, or silence, are enough."
    DL3048 Style false
        "Invalid label key."
        "Keys of labels are lower case letters, digits, `.`, `-`, `_` and `/`, begin with a letter and end with a letter or digit; two separators in a row and Docker's own name spaces (`com.docker.`, `io.docker.`, `org.dockerproject.`) are not for use."
    DL3049 Info false
        "Label `{}` is missing."
        "The label schema of the configuration asks for this label, and the stage does not have it."
    DL3050 Info false
        "Superfluous label(s) present."
        "The configuration allows only the labels of its schema, and this is none of them."
    DL3051 Warning false
        "label `{}` is empty."
        "The label schema asks for this label; an empty value tells nothing."
    DL3052 Warning false
        "Label `{}` is not a valid URL."
        "The label schema asks for a URL here, with its scheme: tools make links of it."
    DL3053 Warning false
        "Label `{}` is not a valid time format - must conform to RFC3339."
        "The label schema asks for a date and time here, such as `2024-02-29T12:00:00Z`."
    DL3054 Warning false
        "Label `{}` is not a valid SPDX identifier."
        "The label schema asks for a licence's short name here, such as `MIT` or `Apache-2.0`."
    DL3055 Warning false
        "Label `{}` is not a valid git hash."
        "The label schema asks for a git commit here: 7 or all 40 hexadecimal digits, in lower case."
    DL3056 Warning false
        "Label `{}` does not conform to semantic versioning."
        "The label schema asks for a version of three numbers here, such as `1.4.0` or `2.0.0-rc.1`."
    DL3057 Off false
        "`HEALTHCHECK` instruction missing."
        "Without a health check only the process tells whether a container lives, not whether it still answers. Many images are no servers and need none, so this rule is off unless it is given a severity."
    DL3058 Warning false
        "Label `{}` is not a valid email format - must conform to RFC5322."
        "The label schema asks for an address here, such as `someone@example.org`."
    DL3059 Info false
        "Multiple consecutive `RUN` instructions. Consider consolidation."
        "Each `RUN` is a layer: what one leaves and the next removes stays in the image. Short commands that belong together can share one."
    DL3060 Info false
        "`yarn cache clean` missing after `yarn install` was run."
        "yarn keeps a copy of what it installs in its cache. Cleaning it in the same `RUN`, or mounting the cache, keeps it out of the layer."
    DL3061 Error false
        "Invalid instruction order. Dockerfile must begin with `FROM`, `ARG` or comment."
        "Before the first `FROM` there is no image that an instruction could change; only `ARG` can stand there."
    DL3062 Warning false
        "Pin versions in go. Instead of `go install <package>` use `go install <package>@<version>`"
        "Without a version, or with `@latest`, go takes the newest release, so the same file gives another image tomorrow."
    DL3063 Warning false
        "stage name should not be a reserved word"
        "`scratch` is the empty image and `context` the build context. A stage of that name cannot be told from them."
    DL3064 Warning false
        "Potentially sensitive data should not be used in the `ARG` or `ENV` commands"
        "What `ARG` and `ENV` hold is in the image's configuration and history, for everyone who can pull it. A secret mount (`RUN --mount=type=secret`) leaves nothing behind."
    DL3065 Warning true
        "Setting `FROM --platform` to predefined `$TARGETPLATFORM` in is redundant as this is the default behavior"
        "Images are pulled for the target platform anyway; the flag says nothing new."
    DL3066 Info false
        "Non-numeric user-id may not be resolvable by host system"
        "A name means something only with the image's own `/etc/passwd`. Kubernetes, for one, cannot tell whether a name is root; a number it can."
    DL3067 Warning false
        "Do not copy an entire filesystem from another stage"
        "`COPY --from=… / /` takes along everything that the other stage has, caches and build tools included, which is what stages are there to avoid."
    DL4000 Error true
        "MAINTAINER is deprecated"
        "A label does the same, can hold more than a name, and shows with the other labels."
    DL4001 Warning false
        "Either use Wget or Curl but not both"
        "Both do the same here. One is enough, and the image is smaller without the other."
    DL4003 Warning true
        "Multiple `CMD` instructions found. If you list more than one `CMD` then only the last `CMD` will take effect"
        "Only a stage's last `CMD` counts. The ones before have no effect and mislead the reader."
    DL4004 Error true
        "Multiple `ENTRYPOINT` instructions found. If you list more than one `ENTRYPOINT` then only the last `ENTRYPOINT` will take effect"
        "Only a stage's last `ENTRYPOINT` counts. The ones before have no effect and mislead the reader."
    DL4005 Warning false
        "Use SHELL to change the default shell"
        "Replacing `/bin/sh` changes the shell for every program in the image. `SHELL` changes it for the build's own commands, and in one line."
    DL4006 Warning false
        "Set the SHELL option -o pipefail before RUN with a pipe in it. If you are using /bin/sh in an alpine image or if your shell is symlinked to busybox then consider explicitly setting your SHELL to /bin/ash, or disable this check"
        "A pipe's result is that of its last command: when the first fails, the build goes on. With `pipefail` it stops."
}
