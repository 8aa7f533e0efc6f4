//! Rows of the command table: the flags of `docker run` and `docker create`, which share almost all of them.

use super::super::spec::{Flag, Kind, flag};

/// The flags of both, in their order, around those in which they differ.
macro_rules! flags {
    (detach: [$($detach:tt)*], pull: $pull:literal, proxy: [$($proxy:tt)*]) => {
        &[
            flag("add-host", None, Kind::ExtraHost, "Add a custom host-to-IP mapping (host:ip)"),
            flag("annotation", None, Kind::Map, "Add an annotation to the container (passed through to the OCI runtime)")
                .default("map[]"),
            flag("attach", Some('a'), Kind::Attach, "Attach to STDIN, STDOUT or STDERR"),
            flag("blkio-weight", None, Kind::Uint16, "Block IO (relative weight), between 10 and 1000, or 0 to disable")
                .default("0"),
            flag("blkio-weight-device", None, Kind::WeightDevice, "Block IO weight (relative device weight)").default("[]"),
            flag("cap-add", None, Kind::List, "Add Linux capabilities"),
            flag("cap-drop", None, Kind::List, "Drop Linux capabilities"),
            flag("cgroup-parent", None, Kind::Text, "Optional parent cgroup for the container"),
            flag(
                "cgroupns",
                None,
                Kind::Text,
                "Cgroup namespace to use (host|private)\n'host':    Run the container in the Docker host's cgroup namespace\n'private': Run the container in its own private cgroup namespace\n'':        Use the cgroup namespace as configured by the\n           default-cgroupns-mode option on the daemon (default)",
            ),
            flag("cidfile", None, Kind::Text, "Write the container ID to the file"),
            flag("cpu-count", None, Kind::Int, "CPU count (Windows only)"),
            flag("cpu-percent", None, Kind::Int, "CPU percent (Windows only)"),
            flag("cpu-period", None, Kind::Int, "Limit CPU CFS (Completely Fair Scheduler) period"),
            flag("cpu-quota", None, Kind::Int, "Limit CPU CFS (Completely Fair Scheduler) quota"),
            flag("cpu-rt-period", None, Kind::Int, "Limit CPU real-time period in microseconds"),
            flag("cpu-rt-runtime", None, Kind::Int, "Limit CPU real-time runtime in microseconds"),
            flag("cpu-shares", Some('c'), Kind::Int, "CPU shares (relative weight)"),
            flag("cpus", None, Kind::Cpus, "Number of CPUs"),
            flag("cpuset-cpus", None, Kind::Text, "CPUs in which to allow execution (0-3, 0,1)"),
            flag("cpuset-mems", None, Kind::Text, "MEMs in which to allow execution (0-3, 0,1)"),
            $($detach)*
            flag("device", None, Kind::List, "Add a host device to the container"),
            flag("device-cgroup-rule", None, Kind::DeviceCgroupRule, "Add a rule to the cgroup allowed devices list"),
            flag("device-read-bps", None, Kind::ThrottleBps, "Limit read rate (bytes per second) from a device").default("[]"),
            flag("device-read-iops", None, Kind::ThrottleIops, "Limit read rate (IO per second) from a device").default("[]"),
            flag("device-write-bps", None, Kind::ThrottleBps, "Limit write rate (bytes per second) to a device").default("[]"),
            flag("device-write-iops", None, Kind::ThrottleIops, "Limit write rate (IO per second) to a device").default("[]"),
            flag("disable-content-trust", None, Kind::Bool, "Skip image verification").default("true"),
            flag("dns", None, Kind::IpList, "Set custom DNS servers"),
            flag("dns-opt", None, Kind::List, "Set DNS options").hidden(),
            flag("dns-option", None, Kind::List, "Set DNS options"),
            flag("dns-search", None, Kind::DnsSearch, "Set custom DNS search domains"),
            flag("domainname", None, Kind::Text, "Container NIS domain name"),
            flag("entrypoint", None, Kind::Text, "Overwrite the default ENTRYPOINT of the image"),
            flag("env", Some('e'), Kind::Env, "Set environment variables"),
            flag("env-file", None, Kind::List, "Read in a file of environment variables"),
            flag("expose", None, Kind::List, "Expose a port or a range of ports"),
            flag("gpus", None, Kind::Gpus, "GPU devices to add to the container ('all' to pass all GPUs)"),
            flag("group-add", None, Kind::List, "Add additional groups to join"),
            flag("health-cmd", None, Kind::Text, "Command to run to check health"),
            flag("health-interval", None, Kind::Duration, "Time between running the check (ms|s|m|h)").default("0s"),
            flag("health-retries", None, Kind::Int, "Consecutive failures needed to report unhealthy"),
            flag(
                "health-start-interval",
                None,
                Kind::Duration,
                "Time between running the check during the start period (ms|s|m|h)",
            )
            .default("0s"),
            flag(
                "health-start-period",
                None,
                Kind::Duration,
                "Start period for the container to initialize before starting health-retries countdown (ms|s|m|h)",
            )
            .default("0s"),
            flag("health-timeout", None, Kind::Duration, "Maximum time to allow one check to run (ms|s|m|h)").default("0s"),
            flag("help", None, Kind::Bool, "Print usage"),
            flag("hostname", Some('h'), Kind::Text, "Container host name"),
            flag("init", None, Kind::Bool, "Run an init inside the container that forwards signals and reaps processes"),
            flag("interactive", Some('i'), Kind::Bool, "Keep STDIN open even if not attached"),
            flag("io-maxbandwidth", None, Kind::Bytes, "Maximum IO bandwidth limit for the system drive (Windows only)"),
            flag("io-maxiops", None, Kind::Uint, "Maximum IOps limit for the system drive (Windows only)"),
            flag("ip", None, Kind::Text, "IPv4 address (e.g., 172.30.100.104)"),
            flag("ip6", None, Kind::Text, "IPv6 address (e.g., 2001:db8::33)"),
            flag("ipc", None, Kind::Text, "IPC mode to use"),
            flag("isolation", None, Kind::Text, "Container isolation technology"),
            flag("kernel-memory", None, Kind::Bytes, "Kernel memory limit"),
            flag("label", Some('l'), Kind::Label, "Set meta data on a container"),
            flag("label-file", None, Kind::List, "Read in a line delimited file of labels"),
            flag("link", None, Kind::Link, "Add link to another container"),
            flag("link-local-ip", None, Kind::IpList, "Container IPv4/IPv6 link-local addresses"),
            flag("log-driver", None, Kind::Text, "Logging driver for the container"),
            flag("log-opt", None, Kind::List, "Log driver options"),
            flag("mac-address", None, Kind::Text, "Container MAC address (e.g., 92:d0:c6:0a:29:33)"),
            flag("memory", Some('m'), Kind::Bytes, "Memory limit"),
            flag("memory-reservation", None, Kind::Bytes, "Memory soft limit"),
            flag("memory-swap", None, Kind::SwapBytes, "Swap limit equal to memory plus swap: '-1' to enable unlimited swap"),
            flag("memory-swappiness", None, Kind::Int, "Tune container memory swappiness (0 to 100)").default("-1"),
            flag("mount", None, Kind::Mount, "Attach a filesystem mount to the container"),
            flag("name", None, Kind::Text, "Assign a name to the container"),
            flag("net", None, Kind::Network, "Connect a container to a network").hidden(),
            flag("net-alias", None, Kind::List, "Add network-scoped alias for the container").hidden(),
            flag("network", None, Kind::Network, "Connect a container to a network"),
            flag("network-alias", None, Kind::List, "Add network-scoped alias for the container"),
            flag("no-healthcheck", None, Kind::Bool, "Disable any container-specified HEALTHCHECK"),
            flag("oom-kill-disable", None, Kind::Bool, "Disable OOM Killer"),
            flag("oom-score-adj", None, Kind::Int, "Tune host's OOM preferences (-1000 to 1000)"),
            flag("pid", None, Kind::Text, "PID namespace to use"),
            flag("pids-limit", None, Kind::Int, "Tune container pids limit (set -1 for unlimited)"),
            flag("platform", None, Kind::Text, "Set platform if server is multi-platform capable"),
            flag("privileged", None, Kind::Bool, "Give extended privileges to this container"),
            flag("publish", Some('p'), Kind::List, "Publish a container's port(s) to the host"),
            flag("publish-all", Some('P'), Kind::Bool, "Publish all exposed ports to random ports"),
            flag("pull", None, Kind::Text, $pull).default("\"missing\""),
            flag("quiet", Some('q'), Kind::Bool, "Suppress the pull output"),
            flag("read-only", None, Kind::Bool, "Mount the container's root filesystem as read only"),
            flag("restart", None, Kind::Text, "Restart policy to apply when a container exits").default("\"no\""),
            flag(
                "rm",
                None,
                Kind::Bool,
                "Automatically remove the container and its associated anonymous volumes when it exits",
            ),
            flag("runtime", None, Kind::Text, "Runtime to use for this container"),
            flag("security-opt", None, Kind::List, "Security Options"),
            flag("shm-size", None, Kind::Bytes, "Size of /dev/shm"),
            $($proxy)*
            flag("stop-signal", None, Kind::Text, "Signal to stop the container"),
            flag("stop-timeout", None, Kind::Int, "Timeout (in seconds) to stop a container"),
            flag("storage-opt", None, Kind::List, "Storage driver options for the container"),
            flag("sysctl", None, Kind::Sysctl, "Sysctl options").default("map[]"),
            flag("tmpfs", None, Kind::List, "Mount a tmpfs directory"),
            flag("tty", Some('t'), Kind::Bool, "Allocate a pseudo-TTY"),
            flag("ulimit", None, Kind::Ulimit, "Ulimit options").default("[]"),
            flag("use-api-socket", None, Kind::Bool, "Bind mount Docker API socket and required auth"),
            flag("user", Some('u'), Kind::Text, "Username or UID (format: <name|uid>[:<group|gid>])"),
            flag("userns", None, Kind::Text, "User namespace to use"),
            flag("uts", None, Kind::Text, "UTS namespace to use"),
            flag("volume", Some('v'), Kind::List, "Bind mount a volume"),
            flag("volume-driver", None, Kind::Text, "Optional volume driver for the container"),
            flag("volumes-from", None, Kind::List, "Mount volumes from the specified container(s)"),
            flag("workdir", Some('w'), Kind::Text, "Working directory inside the container"),
        ]
    };
}

/// Flags of `docker run`.
pub(super) static RUN: &[Flag] = flags! {
    detach: [
        flag("detach", Some('d'), Kind::Bool, "Run container in background and print container ID"),
        flag("detach-keys", None, Kind::Text, "Override the key sequence for detaching a container"),
    ],
    pull: "Pull image before running (\"always\", \"missing\", \"never\")",
    proxy: [flag("sig-proxy", None, Kind::Bool, "Proxy received signals to the process").default("true"),]
};

/// Flags of `docker create`.
pub(super) static CREATE: &[Flag] = flags! {
    detach: [],
    pull: "Pull image before creating (\"always\", \"|missing\", \"never\")",
    proxy: []
};
