//! `cargo xtask serve`: set-up, then the site on this machine until Ctrl-C.

use std::net::SocketAddr;
use std::path::Path;

use anyhow::{Result, bail};

use crate::layout::Layout;
use crate::server::Server;
use crate::setup::{self, Purpose};

/// Runs until the server ends or a signal asks for the end, in which case sessions are torn down before this returns.
pub fn run(layout: &Layout, listen: SocketAddr, config: Option<&Path>) -> Result<()> {
    setup::run(layout, Purpose::Serve, config)?;
    let mut server = Server::start(layout, listen, &layout.data(), config, "info")?;
    server.mind_signals()?;
    server.wait_until_ready()?;
    println!("\nSlipway is ready: http://{}\nCtrl-C ends it and every session.\n", shown(listen));
    let status = server.wait()?;
    if !status.success() {
        bail!("the server ended with {status}");
    }
    Ok(())
}

/// An address that a browser on this machine can open.
fn shown(listen: SocketAddr) -> String {
    if listen.ip().is_unspecified() { format!("127.0.0.1:{}", listen.port()) } else { listen.to_string() }
}
