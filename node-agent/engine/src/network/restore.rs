//! The network after a restart of the engine, whose containers have gone on running.

use std::net::Ipv4Addr;
use std::sync::Arc;

use slipway_runtime::net;

use super::{ensure_bridge, ports, veth};
use crate::engine::{Engine, lock};
use crate::error::blocking;

/// After a restart: running containers keep their addresses and ports; veth pairs of the others go.
pub(crate) async fn restore(engine: &Arc<Engine>) {
    let mut any = false;
    let mut kept = Vec::new();
    for container in engine.all_containers() {
        let data = container.data();
        let running = data.record.state.running && !data.record.state.restarting;
        if let (true, "bridge", Ok(address)) =
            (running, data.host.network_mode.as_str(), data.record.network_settings.ip_address.parse::<Ipv4Addr>())
        {
            let wanted = ports::from_bindings(&data.record.network_settings.ports, address);
            let mut state = lock(&engine.network.state);
            state.leases.insert(address, container.id.clone());
            kept.push(veth(&container.id));
            any = true;
            if !wanted.is_empty() {
                let reserved = wanted.iter().filter_map(|p| ports::hold(p).ok()).collect();
                state.published.insert(container.id.clone(), (wanted, reserved));
            }
        }
    }
    let engine = engine.clone();
    let done = blocking(move || {
        if any {
            ensure_bridge(&engine.network)?;
        }
        let master = format!("/sys/class/net/{}/brif", engine.network.bridge);
        for entry in std::fs::read_dir(master).into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.starts_with("veth") && !kept.contains(&name) {
                let _ = net::run_in(None, async |links| links.remove(&name).await);
            }
        }
        Ok(())
    });
    if let Err(e) = done.await {
        tracing::warn!("restoring the network: {e}");
    }
}
