//! The flags of these commands.

use super::super::super::spec::{FORMAT, Flag, Kind, TABLE_FORMAT, flag};

pub(super) static ATTACH: &[Flag] = &[
    flag("detach-keys", None, Kind::Text, "Override the key sequence for detaching a container"),
    flag("no-stdin", None, Kind::Bool, "Do not attach STDIN"),
    flag("sig-proxy", None, Kind::Bool, "Proxy all received signals to the process").default("true"),
];

pub(super) static COMMIT: &[Flag] = &[
    flag("author", Some('a'), Kind::Text, "Author (e.g., \"John Hannibal Smith <hannibal@a-team.com>\")"),
    flag("change", Some('c'), Kind::List, "Apply Dockerfile instruction to the created image"),
    flag("message", Some('m'), Kind::Text, "Commit message"),
    flag("pause", Some('p'), Kind::Bool, "Pause container during commit").default("true"),
];

pub(super) static CP: &[Flag] = &[
    flag("archive", Some('a'), Kind::Bool, "Archive mode (copy all uid/gid information)"),
    flag("follow-link", Some('L'), Kind::Bool, "Always follow symbol link in SRC_PATH"),
    flag(
        "quiet",
        Some('q'),
        Kind::Bool,
        "Suppress progress output during copy. Progress output is automatically suppressed if no terminal is attached",
    ),
];

pub(super) static EXEC: &[Flag] = &[
    flag("detach", Some('d'), Kind::Bool, "Detached mode: run command in the background"),
    flag("detach-keys", None, Kind::Text, "Override the key sequence for detaching a container"),
    flag("env", Some('e'), Kind::Env, "Set environment variables"),
    flag("env-file", None, Kind::List, "Read in a file of environment variables"),
    flag("interactive", Some('i'), Kind::Bool, "Keep STDIN open even if not attached"),
    flag("privileged", None, Kind::Bool, "Give extended privileges to the command"),
    flag("tty", Some('t'), Kind::Bool, "Allocate a pseudo-TTY"),
    flag("user", Some('u'), Kind::Text, "Username or UID (format: \"<name|uid>[:<group|gid>]\")"),
    flag("workdir", Some('w'), Kind::Text, "Working directory inside the container"),
];

pub(super) static EXPORT: &[Flag] = &[flag("output", Some('o'), Kind::Text, "Write to a file, instead of STDOUT")];

pub(super) static CONTAINER_INSPECT: &[Flag] =
    &[flag("format", Some('f'), Kind::Text, FORMAT), flag("size", Some('s'), Kind::Bool, "Display total file sizes")];

pub(super) static KILL: &[Flag] = &[flag("signal", Some('s'), Kind::Text, "Signal to send to the container")];

pub(super) static LOGS: &[Flag] = &[
    flag("details", None, Kind::Bool, "Show extra details provided to logs"),
    flag("follow", Some('f'), Kind::Bool, "Follow log output"),
    flag(
        "since",
        None,
        Kind::Text,
        "Show logs since timestamp (e.g. \"2013-01-02T13:23:37Z\") or relative (e.g. \"42m\" for 42 minutes)",
    ),
    flag("tail", Some('n'), Kind::Text, "Number of lines to show from the end of the logs").default("\"all\""),
    flag("timestamps", Some('t'), Kind::Bool, "Show timestamps"),
    flag(
        "until",
        None,
        Kind::Text,
        "Show logs before a timestamp (e.g. \"2013-01-02T13:23:37Z\") or relative (e.g. \"42m\" for 42 minutes)",
    ),
];

pub(super) static PS: &[Flag] = &[
    flag("all", Some('a'), Kind::Bool, "Show all containers").default("shows just running"),
    flag("filter", Some('f'), Kind::Filter, "Filter output based on conditions provided"),
    flag("format", None, Kind::Text, TABLE_FORMAT),
    flag("last", Some('n'), Kind::Int, "Show n last created containers (includes all states)").default("-1"),
    flag("latest", Some('l'), Kind::Bool, "Show the latest created container (includes all states)"),
    flag("no-trunc", None, Kind::Bool, "Don't truncate output"),
    flag("quiet", Some('q'), Kind::Bool, "Only display container IDs"),
    flag("size", Some('s'), Kind::Bool, "Display total file sizes"),
];

pub(super) static CONTAINER_PRUNE: &[Flag] = &[
    flag("filter", None, Kind::Filter, "Provide filter values (e.g. \"until=<timestamp>\")"),
    flag("force", Some('f'), Kind::Bool, "Do not prompt for confirmation"),
];

pub(super) static RESTART: &[Flag] = &[
    flag("signal", Some('s'), Kind::Text, "Signal to send to the container"),
    flag("time", None, Kind::Int, "Seconds to wait before killing the container").hidden(),
    flag("timeout", Some('t'), Kind::Int, "Seconds to wait before killing the container"),
];

pub(super) static RM: &[Flag] = &[
    flag("force", Some('f'), Kind::Bool, "Force the removal of a running container (uses SIGKILL)"),
    flag("link", Some('l'), Kind::Bool, "Remove the specified link"),
    flag("volumes", Some('v'), Kind::Bool, "Remove anonymous volumes associated with the container"),
];

pub(super) static START: &[Flag] = &[
    flag("attach", Some('a'), Kind::Bool, "Attach STDOUT/STDERR and forward signals"),
    flag("checkpoint", None, Kind::Text, "Restore from this checkpoint"),
    flag("checkpoint-dir", None, Kind::Text, "Use a custom checkpoint storage directory"),
    flag("detach-keys", None, Kind::Text, "Override the key sequence for detaching a container"),
    flag("interactive", Some('i'), Kind::Bool, "Attach container's STDIN"),
];

pub(super) static STATS: &[Flag] = &[
    flag("all", Some('a'), Kind::Bool, "Show all containers").default("shows just running"),
    flag("format", None, Kind::Text, TABLE_FORMAT),
    flag("no-stream", None, Kind::Bool, "Disable streaming stats and only pull the first result"),
    flag("no-trunc", None, Kind::Bool, "Do not truncate output"),
];

pub(super) static STOP: &[Flag] = &[
    flag("signal", Some('s'), Kind::Text, "Signal to send to the container"),
    flag("time", None, Kind::Int, "Seconds to wait before killing the container").hidden(),
    flag("timeout", Some('t'), Kind::Int, "Seconds to wait before killing the container"),
];

pub(super) static UPDATE: &[Flag] = &[
    flag("blkio-weight", None, Kind::Uint16, "Block IO (relative weight), between 10 and 1000, or 0 to disable")
        .default("0"),
    flag("cpu-period", None, Kind::Int, "Limit CPU CFS (Completely Fair Scheduler) period"),
    flag("cpu-quota", None, Kind::Int, "Limit CPU CFS (Completely Fair Scheduler) quota"),
    flag("cpu-rt-period", None, Kind::Int, "Limit the CPU real-time period in microseconds"),
    flag("cpu-rt-runtime", None, Kind::Int, "Limit the CPU real-time runtime in microseconds"),
    flag("cpu-shares", Some('c'), Kind::Int, "CPU shares (relative weight)"),
    flag("cpus", None, Kind::Cpus, "Number of CPUs"),
    flag("cpuset-cpus", None, Kind::Text, "CPUs in which to allow execution (0-3, 0,1)"),
    flag("cpuset-mems", None, Kind::Text, "MEMs in which to allow execution (0-3, 0,1)"),
    flag("memory", Some('m'), Kind::Bytes, "Memory limit"),
    flag("memory-reservation", None, Kind::Bytes, "Memory soft limit"),
    flag("memory-swap", None, Kind::SwapBytes, "Swap limit equal to memory plus swap: -1 to enable unlimited swap"),
    flag("pids-limit", None, Kind::Int, "Tune container pids limit (set -1 for unlimited)"),
    flag("restart", None, Kind::Text, "Restart policy to apply when a container exits"),
];
