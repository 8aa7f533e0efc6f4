//! Pulls an image into a data root and prints Docker's messages, one a line:
//! `cargo run -p slipway-images --example pull -- DATA_ROOT http://HOST:PORT|https://HOST:PORT|unix:///SOCKET NAME`; the
//! address is where `docker.io` is taken from.

use std::sync::Arc;

use slipway_images::registry::{Options, Registries, Wanted};
use slipway_images::{Progress, Reference, Store};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [root, source, name] = &args[..] else {
        return Err("usage: pull DATA_ROOT http://HOST:PORT|unix:///SOCKET NAME".into());
    };
    let store = Arc::new(Store::open(std::path::Path::new(root))?);
    let registries = Registries::new(Options { mirror: Some(source.parse()?), ..Options::default() });
    let wanted = Wanted::new(Reference::parse(name)?);
    let (sender, mut receiver) = tokio::sync::mpsc::unbounded_channel::<Progress>();
    let printing = tokio::spawn(async move {
        while let Some(message) = receiver.recv().await {
            println!("{}", message.to_json());
        }
    });
    let pulled = registries.pull(store, &wanted, sender).await?;
    printing.await?;
    println!("{} {}", pulled.id, pulled.digest);
    Ok(())
}
