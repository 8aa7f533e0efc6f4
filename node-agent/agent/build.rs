//! Makes cargo build the binary again when the page it embeds has changed.

fn main() {
    let site = std::path::Path::new("../../target/slipway/web");
    if site.is_dir() {
        // A directory is watched with all that is in it.
        println!("cargo::rerun-if-changed={}", site.display());
    } else {
        // A path that is missing makes cargo run this each time, so that the page is noticed as soon as it is there.
        println!("cargo::rerun-if-changed=../../target/slipway/web");
    }
    println!("cargo::rerun-if-changed=build.rs");
}
