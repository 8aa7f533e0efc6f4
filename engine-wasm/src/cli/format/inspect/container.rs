//! What docker decodes an inspected container into (`api/types/container` of Docker 28: `InspectResponse` and what it holds).

use super::super::typed::Kind::{
    Bool, List, Many, Map, Number, Of, Pointer, PortSet, Ports, Sets, Table, Text, To, Ulimits,
};
use super::super::typed::Struct;

pub(super) static CONTAINER: Struct = Struct {
    name: "container.InspectResponse",
    fields: &[
        ("ID", "Id", Text),
        ("Created", "Created", Text),
        ("Path", "Path", Text),
        ("Args", "Args", List),
        ("State", "State", To(&STATE)),
        ("Image", "Image", Text),
        ("ResolvConfPath", "ResolvConfPath", Text),
        ("HostnamePath", "HostnamePath", Text),
        ("HostsPath", "HostsPath", Text),
        ("LogPath", "LogPath", Text),
        ("Name", "Name", Text),
        ("RestartCount", "RestartCount", Number),
        ("Driver", "Driver", Text),
        ("Platform", "Platform", Text),
        ("MountLabel", "MountLabel", Text),
        ("ProcessLabel", "ProcessLabel", Text),
        ("AppArmorProfile", "AppArmorProfile", Text),
        ("ExecIDs", "ExecIDs", List),
        ("HostConfig", "HostConfig", To(&HOST_CONFIG)),
        ("GraphDriver", "GraphDriver", Of(&super::GRAPH_DRIVER)),
        ("SizeRw", "SizeRw", Pointer),
        ("SizeRootFs", "SizeRootFs", Pointer),
        ("Mounts", "Mounts", Many(&MOUNT)),
        ("Config", "Config", To(&CONFIG)),
        ("NetworkSettings", "NetworkSettings", To(&NETWORK_SETTINGS)),
        ("ImageManifestDescriptor", "ImageManifestDescriptor", Pointer),
    ],
};

static STATE: Struct = Struct {
    name: "container.State",
    fields: &[
        ("Status", "Status", Text),
        ("Running", "Running", Bool),
        ("Paused", "Paused", Bool),
        ("Restarting", "Restarting", Bool),
        ("OOMKilled", "OOMKilled", Bool),
        ("Dead", "Dead", Bool),
        ("Pid", "Pid", Number),
        ("ExitCode", "ExitCode", Number),
        ("Error", "Error", Text),
        ("StartedAt", "StartedAt", Text),
        ("FinishedAt", "FinishedAt", Text),
        ("Health", "Health", To(&HEALTH)),
    ],
};

static HEALTH: Struct = Struct {
    name: "container.Health",
    fields: &[("Status", "Status", Text), ("FailingStreak", "FailingStreak", Number), ("Log", "Log", Many(&PROBE))],
};

static PROBE: Struct = Struct {
    name: "container.HealthcheckResult",
    fields: &[
        ("Start", "Start", Text),
        ("End", "End", Text),
        ("ExitCode", "ExitCode", Number),
        ("Output", "Output", Text),
    ],
};

static HOST_CONFIG: Struct = Struct {
    name: "container.HostConfig",
    fields: &[
        ("Binds", "Binds", List),
        ("ContainerIDFile", "ContainerIDFile", Text),
        ("LogConfig", "LogConfig", Of(&LOG_CONFIG)),
        ("NetworkMode", "NetworkMode", Text),
        ("PortBindings", "PortBindings", Ports(&PORT_BINDING)),
        ("RestartPolicy", "RestartPolicy", Of(&RESTART_POLICY)),
        ("AutoRemove", "AutoRemove", Bool),
        ("VolumeDriver", "VolumeDriver", Text),
        ("VolumesFrom", "VolumesFrom", List),
        ("ConsoleSize", "ConsoleSize", List),
        ("Annotations", "Annotations", Map),
        ("CapAdd", "CapAdd", List),
        ("CapDrop", "CapDrop", List),
        ("CgroupnsMode", "CgroupnsMode", Text),
        ("DNS", "Dns", List),
        ("DNSOptions", "DnsOptions", List),
        ("DNSSearch", "DnsSearch", List),
        ("ExtraHosts", "ExtraHosts", List),
        ("GroupAdd", "GroupAdd", List),
        ("IpcMode", "IpcMode", Text),
        ("Cgroup", "Cgroup", Text),
        ("Links", "Links", List),
        ("OomScoreAdj", "OomScoreAdj", Number),
        ("PidMode", "PidMode", Text),
        ("Privileged", "Privileged", Bool),
        ("PublishAllPorts", "PublishAllPorts", Bool),
        ("ReadonlyRootfs", "ReadonlyRootfs", Bool),
        ("SecurityOpt", "SecurityOpt", List),
        ("StorageOpt", "StorageOpt", Map),
        ("Tmpfs", "Tmpfs", Map),
        ("UTSMode", "UTSMode", Text),
        ("UsernsMode", "UsernsMode", Text),
        ("ShmSize", "ShmSize", Number),
        ("Sysctls", "Sysctls", Map),
        ("Runtime", "Runtime", Text),
        ("Isolation", "Isolation", Text),
        ("CPUShares", "CpuShares", Number),
        ("Memory", "Memory", Number),
        ("NanoCPUs", "NanoCpus", Number),
        ("CgroupParent", "CgroupParent", Text),
        ("BlkioWeight", "BlkioWeight", Number),
        ("BlkioWeightDevice", "BlkioWeightDevice", List),
        ("BlkioDeviceReadBps", "BlkioDeviceReadBps", List),
        ("BlkioDeviceWriteBps", "BlkioDeviceWriteBps", List),
        ("BlkioDeviceReadIOps", "BlkioDeviceReadIOps", List),
        ("BlkioDeviceWriteIOps", "BlkioDeviceWriteIOps", List),
        ("CPUPeriod", "CpuPeriod", Number),
        ("CPUQuota", "CpuQuota", Number),
        ("CPURealtimePeriod", "CpuRealtimePeriod", Number),
        ("CPURealtimeRuntime", "CpuRealtimeRuntime", Number),
        ("CpusetCpus", "CpusetCpus", Text),
        ("CpusetMems", "CpusetMems", Text),
        ("Devices", "Devices", Many(&DEVICE)),
        ("DeviceCgroupRules", "DeviceCgroupRules", List),
        ("DeviceRequests", "DeviceRequests", List),
        ("KernelMemory", "KernelMemory", Number),
        ("KernelMemoryTCP", "KernelMemoryTCP", Number),
        ("MemoryReservation", "MemoryReservation", Number),
        ("MemorySwap", "MemorySwap", Number),
        ("MemorySwappiness", "MemorySwappiness", Pointer),
        ("OomKillDisable", "OomKillDisable", Pointer),
        ("PidsLimit", "PidsLimit", Pointer),
        ("Ulimits", "Ulimits", Ulimits),
        ("CPUCount", "CpuCount", Number),
        ("CPUPercent", "CpuPercent", Number),
        ("IOMaximumIOps", "IOMaximumIOps", Number),
        ("IOMaximumBandwidth", "IOMaximumBandwidth", Number),
        ("Mounts", "Mounts", List),
        ("MaskedPaths", "MaskedPaths", List),
        ("ReadonlyPaths", "ReadonlyPaths", List),
        ("Init", "Init", Pointer),
    ],
};

static LOG_CONFIG: Struct =
    Struct { name: "container.LogConfig", fields: &[("Type", "Type", Text), ("Config", "Config", Map)] };

static RESTART_POLICY: Struct = Struct {
    name: "container.RestartPolicy",
    fields: &[("Name", "Name", Text), ("MaximumRetryCount", "MaximumRetryCount", Number)],
};

static PORT_BINDING: Struct =
    Struct { name: "nat.PortBinding", fields: &[("HostIP", "HostIp", Text), ("HostPort", "HostPort", Text)] };

static DEVICE: Struct = Struct {
    name: "container.DeviceMapping",
    fields: &[
        ("PathOnHost", "PathOnHost", Text),
        ("PathInContainer", "PathInContainer", Text),
        ("CgroupPermissions", "CgroupPermissions", Text),
    ],
};

static MOUNT: Struct = Struct {
    name: "container.MountPoint",
    fields: &[
        ("Type", "Type", Text),
        ("Name", "Name", Text),
        ("Source", "Source", Text),
        ("Destination", "Destination", Text),
        ("Driver", "Driver", Text),
        ("Mode", "Mode", Text),
        ("RW", "RW", Bool),
        ("Propagation", "Propagation", Text),
    ],
};

static CONFIG: Struct = Struct {
    name: "container.Config",
    fields: &[
        ("Hostname", "Hostname", Text),
        ("Domainname", "Domainname", Text),
        ("User", "User", Text),
        ("AttachStdin", "AttachStdin", Bool),
        ("AttachStdout", "AttachStdout", Bool),
        ("AttachStderr", "AttachStderr", Bool),
        ("ExposedPorts", "ExposedPorts", PortSet),
        ("Tty", "Tty", Bool),
        ("OpenStdin", "OpenStdin", Bool),
        ("StdinOnce", "StdinOnce", Bool),
        ("Env", "Env", List),
        ("Cmd", "Cmd", List),
        ("Healthcheck", "Healthcheck", To(&super::HEALTHCHECK)),
        ("ArgsEscaped", "ArgsEscaped", Bool),
        ("Image", "Image", Text),
        ("Volumes", "Volumes", Sets),
        ("WorkingDir", "WorkingDir", Text),
        ("Entrypoint", "Entrypoint", List),
        ("NetworkDisabled", "NetworkDisabled", Bool),
        ("MacAddress", "MacAddress", Text),
        ("OnBuild", "OnBuild", List),
        ("Labels", "Labels", Map),
        ("StopSignal", "StopSignal", Text),
        ("StopTimeout", "StopTimeout", Pointer),
        ("Shell", "Shell", List),
    ],
};

static NETWORK_SETTINGS: Struct = Struct {
    name: "container.NetworkSettings",
    fields: &[
        ("Bridge", "Bridge", Text),
        ("SandboxID", "SandboxID", Text),
        ("SandboxKey", "SandboxKey", Text),
        ("Ports", "Ports", Ports(&PORT_BINDING)),
        ("HairpinMode", "HairpinMode", Bool),
        ("LinkLocalIPv6Address", "LinkLocalIPv6Address", Text),
        ("LinkLocalIPv6PrefixLen", "LinkLocalIPv6PrefixLen", Number),
        ("SecondaryIPAddresses", "SecondaryIPAddresses", List),
        ("SecondaryIPv6Addresses", "SecondaryIPv6Addresses", List),
        ("EndpointID", "EndpointID", Text),
        ("Gateway", "Gateway", Text),
        ("GlobalIPv6Address", "GlobalIPv6Address", Text),
        ("GlobalIPv6PrefixLen", "GlobalIPv6PrefixLen", Number),
        ("IPAddress", "IPAddress", Text),
        ("IPPrefixLen", "IPPrefixLen", Number),
        ("IPv6Gateway", "IPv6Gateway", Text),
        ("MacAddress", "MacAddress", Text),
        ("Networks", "Networks", Table(&ENDPOINT)),
    ],
};

static ENDPOINT: Struct = Struct {
    name: "network.EndpointSettings",
    fields: &[
        ("IPAMConfig", "IPAMConfig", Pointer),
        ("Links", "Links", List),
        ("Aliases", "Aliases", List),
        ("MacAddress", "MacAddress", Text),
        ("DriverOpts", "DriverOpts", Map),
        ("GwPriority", "GwPriority", Number),
        ("NetworkID", "NetworkID", Text),
        ("EndpointID", "EndpointID", Text),
        ("Gateway", "Gateway", Text),
        ("IPAddress", "IPAddress", Text),
        ("IPPrefixLen", "IPPrefixLen", Number),
        ("IPv6Gateway", "IPv6Gateway", Text),
        ("GlobalIPv6Address", "GlobalIPv6Address", Text),
        ("GlobalIPv6PrefixLen", "GlobalIPv6PrefixLen", Number),
        ("DNSNames", "DNSNames", List),
    ],
};
