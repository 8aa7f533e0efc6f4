//! Why a start failed, in Docker's words, whichever runtime spoke.

/// Exit code and Docker's text for a start that failed with the runtime's `message`.
#[must_use]
pub fn translate(message: &str) -> (i32, String) {
    let lower = message.to_lowercase();
    let code = if ["executable file not found", "no such file or directory", "system cannot find the file specified"]
        .iter()
        .any(|p| lower.contains(p))
    {
        127
    } else if ["permission denied", "not a directory", "is a directory", "exec format error"]
        .iter()
        .any(|p| lower.contains(p))
    {
        126
    } else {
        128
    };
    let ours = [
        "unable to find user",
        "unable to find group",
        "driver failed programming",
        "cannot join",
        "uids and gids",
        "error gathering device information",
        "No such container",
        "network ",
    ];
    if ours.iter().any(|p| message.starts_with(p)) {
        return (if message.starts_with("unable") { 126 } else { code }, message.to_owned());
    }
    if let Some(dir) =
        message.strip_prefix("creating the working directory ").and_then(|m| m.strip_suffix(": not a directory"))
    {
        return (code, format!("Cannot mkdir: {dir} is not a directory"));
    }
    let detail = runc_wording(message);
    let prefix = "failed to create task for container: failed to create shim task: OCI runtime create failed: runc create failed";
    (code, format!("{prefix}: {detail}: unknown"))
}

/// The part after "runc create failed:" in runc's words, whichever runtime spoke.
pub(crate) fn runc_wording(message: &str) -> String {
    let message = message.trim().trim_start_matches("runc create failed: ").trim_start_matches("runc run failed: ");
    // crun: executable file `x` not found in $PATH: No such file or directory
    if let Some(rest) = message.split_once("executable file `").map(|(_, r)| r)
        && let Some((name, tail)) = rest.split_once('`')
    {
        let reason =
            if name.contains('/') { "no such file or directory" } else { "executable file not found in $PATH" };
        if tail.contains("ermission denied") {
            return format!("unable to start container process: exec: \"{name}\": permission denied");
        }
        return format!("unable to start container process: exec: \"{name}\": {reason}");
    }
    // crun: open executable: Permission denied
    if message.contains("unable to start container process") {
        return message.to_owned();
    }
    format!("unable to start container process: {message}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn start_failures_read_as_dockers_whatever_runtime_spoke() {
        let expected = "failed to create task for container: failed to create shim task: OCI runtime create failed: runc create failed: \
                        unable to start container process: exec: \"nope\": executable file not found in $PATH: unknown";
        for message in [
            "executable file `nope` not found in $PATH: No such file or directory",
            "runc create failed: unable to start container process: exec: \"nope\": executable file not found in $PATH",
        ] {
            assert_eq!(translate(message), (127, expected.to_owned()), "{message}");
        }
        assert_eq!(translate("unable to start container process: exec: \"/etc\": permission denied").0, 126);
        assert_eq!(translate("mounting something: no space left").0, 128);
    }
}
