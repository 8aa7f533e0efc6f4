//! What docker decodes inspected images, networks and volumes into (`api/types/image`, `network` and `volume` of Docker 28).

use super::super::typed::Kind::{Bool, Entries, List, Many, Map, Number, Of, Open, Pointer, Sets, Text, Time, To};
use super::super::typed::Struct;
use serde_json::Value;

pub(super) static IMAGE: Struct = Struct {
    name: "image.InspectResponse",
    fields: &[
        ("ID", "Id", Text),
        ("RepoTags", "RepoTags", List),
        ("RepoDigests", "RepoDigests", List),
        ("Parent", "Parent", Text),
        ("Comment", "Comment", Text),
        ("Created", "Created", Text),
        ("Container", "Container", Text),
        ("ContainerConfig", "ContainerConfig", Pointer),
        ("DockerVersion", "DockerVersion", Text),
        ("Author", "Author", Text),
        ("Config", "Config", To(&IMAGE_CONFIG)),
        ("Architecture", "Architecture", Text),
        ("Variant", "Variant", Text),
        ("Os", "Os", Text),
        ("OsVersion", "OsVersion", Text),
        ("Size", "Size", Number),
        ("VirtualSize", "VirtualSize", Number),
        ("GraphDriver", "GraphDriver", Of(&super::GRAPH_DRIVER)),
        ("RootFS", "RootFS", Of(&ROOT_FS)),
        ("Metadata", "Metadata", Of(&METADATA)),
        ("Descriptor", "Descriptor", Pointer),
        ("Manifests", "Manifests", List),
    ],
};

static ROOT_FS: Struct = Struct { name: "image.RootFS", fields: &[("Type", "Type", Text), ("Layers", "Layers", List)] };

static METADATA: Struct = Struct { name: "image.Metadata", fields: &[("LastTagTime", "LastTagTime", Time)] };

static IMAGE_CONFIG: Struct = Struct {
    name: "v1.DockerOCIImageConfig",
    fields: &[
        ("User", "User", Text),
        ("ExposedPorts", "ExposedPorts", Sets),
        ("Env", "Env", List),
        ("Entrypoint", "Entrypoint", List),
        ("Cmd", "Cmd", List),
        ("Volumes", "Volumes", Sets),
        ("WorkingDir", "WorkingDir", Text),
        ("Labels", "Labels", Map),
        ("StopSignal", "StopSignal", Text),
        ("ArgsEscaped", "ArgsEscaped", Bool),
        ("Healthcheck", "Healthcheck", To(&super::HEALTHCHECK)),
        ("OnBuild", "OnBuild", List),
        ("Shell", "Shell", List),
    ],
};

/// An object as one of these; an image's configuration is encoded without what is empty.
pub(super) fn see(kind: &Struct, object: &Value) -> Value {
    if !std::ptr::eq(kind, &IMAGE) || object["Config"].is_null() {
        return kind.see(object);
    }
    let mut object = object.clone();
    object["Config"] = IMAGE_CONFIG.full(&object["Config"]);
    kind.see(&object)
}

pub(super) static NETWORK: Struct = Struct {
    name: "network.Inspect",
    fields: &[
        ("Name", "Name", Text),
        ("ID", "Id", Text),
        ("Created", "Created", Time),
        ("Scope", "Scope", Text),
        ("Driver", "Driver", Text),
        ("EnableIPv4", "EnableIPv4", Bool),
        ("EnableIPv6", "EnableIPv6", Bool),
        ("IPAM", "IPAM", Of(&IPAM)),
        ("Internal", "Internal", Bool),
        ("Attachable", "Attachable", Bool),
        ("Ingress", "Ingress", Bool),
        ("ConfigFrom", "ConfigFrom", Of(&CONFIG_FROM)),
        ("ConfigOnly", "ConfigOnly", Bool),
        ("Containers", "Containers", Entries(&ENDPOINT)),
        ("Options", "Options", Map),
        ("Labels", "Labels", Map),
        ("Peers", "Peers", List),
        ("Services", "Services", Open),
    ],
};

static IPAM: Struct = Struct {
    name: "network.IPAM",
    fields: &[("Driver", "Driver", Text), ("Options", "Options", Map), ("Config", "Config", Many(&IPAM_CONFIG))],
};

static IPAM_CONFIG: Struct = Struct {
    name: "network.IPAMConfig",
    fields: &[
        ("Subnet", "Subnet", Text),
        ("IPRange", "IPRange", Text),
        ("Gateway", "Gateway", Text),
        ("AuxAddress", "AuxiliaryAddresses", Map),
    ],
};

static CONFIG_FROM: Struct = Struct { name: "network.ConfigReference", fields: &[("Network", "Network", Text)] };

static ENDPOINT: Struct = Struct {
    name: "network.EndpointResource",
    fields: &[
        ("Name", "Name", Text),
        ("EndpointID", "EndpointID", Text),
        ("MacAddress", "MacAddress", Text),
        ("IPv4Address", "IPv4Address", Text),
        ("IPv6Address", "IPv6Address", Text),
    ],
};

/// Unlike other objects, a volume is shown by this structure alone.
pub(super) static VOLUME: Struct = Struct {
    name: "volume.Volume",
    fields: &[
        ("ClusterVolume", "ClusterVolume", Pointer),
        ("CreatedAt", "CreatedAt", Text),
        ("Driver", "Driver", Text),
        ("Labels", "Labels", Map),
        ("Mountpoint", "Mountpoint", Text),
        ("Name", "Name", Text),
        ("Options", "Options", Map),
        ("Scope", "Scope", Text),
        ("Status", "Status", Open),
        ("UsageData", "UsageData", Pointer),
    ],
};
