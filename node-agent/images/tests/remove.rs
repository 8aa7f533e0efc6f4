//! Removing images by Docker's rules; the texts are those of dockerd 20.10.

mod common;

use common::{Tar, image, root_or_skip, store, tree};
use slipway_images::{CommitOptions, ImageId, ImageUser, Reference, Removed, Store};

fn nobody(_: &ImageId) -> Vec<ImageUser> {
    Vec::new()
}

fn somebody(running: bool) -> impl Fn(&ImageId) -> Vec<ImageUser> {
    move |_| vec![ImageUser { container_id: "0123456789abcdef".into(), running }]
}

fn tag(store: &Store, name: &str, id: &ImageId) {
    store.tag(&Reference::parse(name).unwrap(), id).unwrap();
}

fn remove(store: &Store, name: &str, force: bool, users: &dyn Fn(&ImageId) -> Vec<ImageUser>) -> Vec<String> {
    match store.remove_image(name, force, false, users) {
        Err(error) => vec![error.to_string()],
        Ok(removed) => removed
            .into_iter()
            .map(|removed| match removed {
                Removed::Untagged(name) => format!("Untagged: {name}"),
                Removed::Image(id) => format!("Deleted: {id}"),
                Removed::Layer(id, _) => format!("Deleted: {id}"),
            })
            .collect(),
    }
}

#[test]
fn the_last_name_takes_image_and_layers_along() {
    if !root_or_skip() {
        return;
    }
    let (dir, store) = store();
    let empty = tree(dir.path());
    let base = Tar::new().file("a", b"1").end();
    let id = image(&store, &[base.clone(), Tar::new().file("b", b"2").end()], "x");
    let other = image(&store, &[base], "y");
    tag(&store, "x:1", &id);
    tag(&store, "x:2", &id);
    tag(&store, &format!("x@{id}"), &id);
    let top = store.image(&id).unwrap().chain_id().unwrap();
    assert_eq!(remove(&store, "x:1", false, &nobody), ["Untagged: x:1"]);
    assert_eq!(
        remove(&store, "x:2", false, &nobody),
        ["Untagged: x:2".into(), format!("Untagged: x@{id}"), format!("Deleted: {id}"), format!("Deleted: {top}")]
    );
    let bottom = store.image(&other).unwrap().chain_id().unwrap();
    let short = other.short();
    assert_eq!(remove(&store, &short, false, &nobody), [format!("Deleted: {other}"), format!("Deleted: {bottom}")]);
    assert_eq!(remove(&store, "x:2", false, &nobody), ["No such image: x:2"]);
    let left: Vec<_> = tree(dir.path()).into_iter().filter(|path| !path.ends_with("repositories.json")).collect();
    assert_eq!(left, empty);
}

#[test]
fn conflicts_are_told_in_dockers_words() {
    if !root_or_skip() {
        return;
    }
    let (_dir, store) = store();
    let id = image(&store, &[Tar::new().file("a", b"1").end()], "x");
    let short = id.short();
    tag(&store, "x:1", &id);
    assert_eq!(
        remove(&store, "x:1", false, &somebody(false)),
        [format!(
            "conflict: unable to remove repository reference \"x:1\" (must force) - container 0123456789ab is using its referenced image {short}"
        )]
    );
    assert_eq!(
        remove(&store, &short, false, &somebody(true)),
        [format!(
            "conflict: unable to delete {short} (cannot be forced) - image is being used by running container 0123456789ab"
        )]
    );
    assert_eq!(
        remove(&store, &short, false, &somebody(false)),
        [format!(
            "conflict: unable to delete {short} (must be forced) - image is being used by stopped container 0123456789ab"
        )]
    );
    tag(&store, "y:1", &id);
    assert_eq!(
        remove(&store, &short, false, &nobody),
        [format!("conflict: unable to delete {short} (must be forced) - image is referenced in multiple repositories")]
    );
    store.create_rw("c", Some(&id), |root| std::fs::write(root.join("x"), "")).unwrap();
    let root = store.mount_rw("c").unwrap();
    std::fs::write(root.join("new"), "1").unwrap();
    store.unmount_rw("c").unwrap();
    let options = CommitOptions {
        base: Some(id),
        config: serde_json::json!({}),
        created: "2024-05-06T07:08:09Z".into(),
        ..CommitOptions::default()
    };
    let child = store.commit("c", &options).unwrap();
    assert_eq!(
        remove(&store, &short, true, &nobody),
        [format!("conflict: unable to delete {short} (cannot be forced) - image has dependent child images")]
    );
    assert_eq!(remove(&store, "y:1", false, &nobody), ["Untagged: y:1"]);
    // The child takes its parent along only when that has no name.
    let removed = remove(&store, &child.to_string(), false, &nobody);
    assert_eq!(removed[0], format!("Deleted: {child}"));
    assert_eq!(removed.len(), 2);
    let removed = remove(&store, "x:1", true, &somebody(false));
    assert_eq!(removed, ["Untagged: x:1".into(), format!("Deleted: {id}")], "the container keeps the layer");
    store.remove_rw("c").unwrap();
}
