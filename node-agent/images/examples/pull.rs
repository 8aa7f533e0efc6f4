//! Pulls an image into a data root and prints Docker's messages, one a line:
//! `cargo run -p slipway-images --example pull -- DATA_ROOT http://HOST:PORT|unix:///SOCKET NAME`.

use std::sync::Arc;

use slipway_images::registry::{Source, pull};
use slipway_images::{Progress, Reference, Store};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [root, source, name] = &args[..] else {
        return Err("usage: pull DATA_ROOT http://HOST:PORT|unix:///SOCKET NAME".into());
    };
    let store = Arc::new(Store::open(std::path::Path::new(root))?);
    let source: Source = source.parse()?;
    let name = Reference::parse(name)?;
    let (sender, mut receiver) = tokio::sync::mpsc::unbounded_channel::<Progress>();
    let printing = tokio::spawn(async move {
        while let Some(message) = receiver.recv().await {
            println!("{}", message.to_json());
        }
    });
    let pulled = pull(store, source, &name, sender).await?;
    printing.await?;
    println!("{} {}", pulled.id, pulled.digest);
    Ok(())
}
