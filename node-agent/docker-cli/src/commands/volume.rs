//! Commands that make and remove volumes and networks.

use super::{Context, for_each};
use crate::client::encode_path;
use crate::error::{CallError, Failure};
use crate::output;
use engine_wasm::cli::parse::Parsed;
use engine_wasm::cli::spec::Cmd;
use serde_json::{Map, Value, json};

fn map(args: &Parsed, flag: &str) -> Map<String, Value> {
    args.list(flag)
        .into_iter()
        .map(|p| p.split_once('=').unwrap_or((p, "")))
        .map(|(k, v)| (k.to_owned(), v.into()))
        .collect()
}

/// The command that the context names.
pub(crate) async fn command(context: &Context) -> Result<u8, Failure> {
    let args = &context.args;
    let client = &context.client;
    match args.id() {
        Cmd::VolumeCreate => {
            const CLUSTER: [&str; 11] = [
                "availability",
                "group",
                "limit-bytes",
                "required-bytes",
                "scope",
                "secret",
                "sharing",
                "topology-preferred",
                "topology-required",
                "type",
                "cluster",
            ];
            if let Some(flag) = CLUSTER.iter().find(|f| args.changed(f)) {
                return Err(Failure::new(format!(
                    "--{flag} is for cluster volumes, which need a swarm; this client makes local volumes only"
                )));
            }
            let body = json!({
                "Driver": args.text("driver").unwrap_or("local"),
                "DriverOpts": map(args, "opt"),
                "Labels": map(args, "label"),
                "Name": context.first(),
            });
            let answer = client.post("/volumes/create", Some(&body)).await?;
            output::line(answer["Name"].as_str().unwrap_or_default());
            Ok(0)
        }
        Cmd::VolumeRm => {
            let force = if args.switch("force") { "?force=1" } else { "" };
            for_each(context, async |name| {
                client.delete(&format!("/volumes/{}{force}", encode_path(name))).await?;
                Ok(Some(name.to_owned()))
            })
            .await
        }
        Cmd::NetworkCreate => network_create(context).await,
        Cmd::NetworkRm => {
            let force = args.switch("force");
            for_each(context, async |name| match client.delete(&format!("/networks/{}", encode_path(name))).await {
                Err(CallError::Engine { status: 404, .. }) if force => Ok(None),
                Err(e) => Err(e),
                Ok(_) => Ok(Some(name.to_owned())),
            })
            .await
            .map_err(|_| Failure::new("exit status 1"))
        }
        Cmd::NetworkConnect => {
            let text = |flag: &str| args.text(flag).filter(|v| !v.is_empty());
            let ipam = json!({ "IPv4Address": text("ip").unwrap_or_default(), "IPv6Address": text("ip6").unwrap_or_default(), "LinkLocalIPs": args.list("link-local-ip") });
            let body = json!({
                "Container": args.args[1],
                "EndpointConfig": {
                    "IPAMConfig": ipam,
                    "Links": args.list("link"),
                    "Aliases": args.list("alias"),
                    "DriverOpts": map(args, "driver-opt"),
                    "GwPriority": args.int("gw-priority").unwrap_or_default(),
                },
            });
            client.post(&format!("/networks/{}/connect", encode_path(context.first())), Some(&body)).await?;
            Ok(0)
        }
        _ => {
            let body = json!({ "Container": args.args[1], "Force": args.switch("force") });
            client.post(&format!("/networks/{}/disconnect", encode_path(context.first())), Some(&body)).await?;
            Ok(0)
        }
    }
}

async fn network_create(context: &Context) -> Result<u8, Failure> {
    let args = &context.args;
    let (subnets, gateways, ranges) = (args.list("subnet"), args.list("gateway"), args.list("ip-range"));
    if subnets.len() < ranges.len() || subnets.len() < gateways.len() {
        return Err(Failure::new("every ip-range or gateway must have a corresponding subnet"));
    }
    let family = |text: &str| text.contains(':');
    let pools: Vec<_> = subnets
        .iter()
        .map(|subnet| {
            let same = |list: &[&str]| list.iter().find(|v| family(v) == family(subnet)).map(|v| (*v).to_owned());
            let mut pool = json!({ "Subnet": subnet });
            if let Some(range) = same(&ranges) {
                pool["IPRange"] = range.into();
            }
            if let Some(gateway) = same(&gateways) {
                pool["Gateway"] = gateway.into();
            }
            let auxiliary = map(args, "aux-address");
            if !auxiliary.is_empty() {
                pool["AuxiliaryAddresses"] = auxiliary.into();
            }
            pool
        })
        .collect();
    let mut body = json!({
        "Name": context.first(),
        "Driver": args.text("driver").unwrap_or("bridge"),
        "Scope": args.text_or_empty("scope"),
        "IPAM": { "Driver": args.text("ipam-driver").unwrap_or("default"), "Options": map(args, "ipam-opt"), "Config": pools },
        "Internal": args.switch("internal"),
        "Attachable": args.switch("attachable"),
        "Ingress": args.switch("ingress"),
        "ConfigOnly": args.switch("config-only"),
        "Options": map(args, "opt"),
        "Labels": map(args, "label"),
    });
    for (flag, key) in [("ipv4", "EnableIPv4"), ("ipv6", "EnableIPv6")] {
        if args.changed(flag) {
            body[key] = args.switch(flag).into();
        }
    }
    if let Some(from) = args.text("config-from").filter(|f| !f.is_empty()) {
        body["ConfigFrom"] = json!({ "Network": from });
    }
    let answer = context.client.post("/networks/create", Some(&body)).await?;
    output::line(answer["Id"].as_str().unwrap_or_default());
    Ok(0)
}
