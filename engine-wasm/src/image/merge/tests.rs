use super::*;
use crate::image::testing::{Item, dir, file, hardlink, symlink, tree};

fn stack(layers: &[&[Item<'_>]]) -> Merged {
    Merged::of(&layers.iter().map(|items| Arc::new(tree(items))).collect::<Vec<_>>())
}

/// Sign and path of every node, removed ones included.
fn listing(merged: &Merged) -> Vec<String> {
    let mut out = Vec::new();
    merged.walk(Merged::ROOT, true, |id, _| {
        out.push(format!("{}{}", merged.mark(id).sign(), String::from_utf8_lossy(&merged.path(id))));
    });
    out
}

const BASE: &[Item<'_>] = &[
    Item { path: "d/", kind: b'5', link: "", data: b"" },
    Item { path: "d/x", kind: b'0', link: "", data: b"one" },
    Item { path: "d/y", kind: b'0', link: "", data: b"two" },
    Item { path: "f", kind: b'0', link: "", data: b"three" },
];

#[test]
fn a_layer_adds_changes_repeats_and_removes() {
    assert_eq!(listing(&stack(&[BASE])), ["+d", "+d/x", "+d/y", "+f"]);
    let merged =
        stack(&[BASE, &[dir("d/"), file("d/.wh.x", b""), file("d/y", b"two"), file("f", b"other"), file("n/m", b"")]]);
    assert_eq!(listing(&merged), ["=d", "-d/x", "=d/y", "~f", "+n", "+n/m"]);
    let changes = merged.changes();
    assert_eq!((changes.added, changes.changed, changes.repeated, changes.removed), (2, 1, 2, 1));
    assert_eq!(merged.find(b"d/x"), None);
    assert_eq!(merged.total(Merged::ROOT), (8, 3));
    // Another layer on top: what was removed is neither shown nor there.
    let merged = stack(&[BASE, &[file(".wh.d", b"")], &[file("z", b"")]]);
    assert_eq!(listing(&merged), [" f", "+z"]);
    let merged = stack(&[BASE, &[file(".wh.d", b"")], &[file("d/x", b"back")]]);
    assert_eq!(listing(&merged), ["+d", "+d/x", " f"]);
}

#[test]
fn opaque_directories_and_whiteouts_with_successors_hide_what_was_below() {
    let merged = stack(&[BASE, &[dir("d/"), file("d/.wh..wh..opq", b""), file("d/x", b"one"), file("d/new", b"")]]);
    assert_eq!(listing(&merged), ["=d", "+d/new", "=d/x", "-d/y", " f"]);
    let merged = stack(&[BASE, &[file(".wh.d", b""), file("d/new", b"")]]);
    assert_eq!(listing(&merged), ["=d", "+d/new", "-d/x", "-d/y", " f"]);
    let root = stack(&[BASE, &[file(".wh..wh..opq", b""), file("only", b"")]]);
    assert_eq!(listing(&root), ["-d", "-d/x", "-d/y", "-f", "+only"]);
}

#[test]
fn files_and_directories_take_each_others_place() {
    let merged = stack(&[BASE, &[file("d", b"now a file"), dir("f/"), file("f/in", b"")]]);
    assert_eq!(listing(&merged), ["~d", "-d/x", "-d/y", "~f", "+f/in"]);
    assert_eq!(merged.kind(merged.find(b"d").unwrap()), Kind::File);
    let merged = stack(&[&[symlink("l", "d")], &[file("l/x", b"")]]);
    assert_eq!(listing(&merged), ["~l", "+l/x"]);
}

#[test]
fn whiteouts_of_nothing_do_nothing() {
    let merged = stack(&[&[file(".wh.x", b""), file("a/.wh.y", b"")], &[file(".wh.z", b"")]]);
    assert_eq!(listing(&merged), [" a"]);
}

#[test]
fn contents_are_found_through_links_of_both_kinds() {
    let merged = stack(&[
        &[
            file("d/real", b"123"),
            symlink("abs", "/d/real"),
            symlink("up", "../../d"),
            symlink("a", "b"),
            symlink("b", "a"),
        ],
        &[hardlink("hard", "d/real"), hardlink("lost", "nowhere"), hardlink("self", "self")],
    ]);
    let of = |path: &[u8]| merged.resolve(path).and_then(|id| merged.content(id)).map(|(layer, _)| layer);
    for path in [&b"d/real"[..], b"/abs", b"up/real", b"up/../d/./real", b"hard"] {
        assert_eq!(of(path).unwrap(), 0, "{}", path.escape_ascii());
    }
    for (path, problem) in [
        (&b"a"[..], "a: too many levels of symbolic links"),
        (b"d", "d: is a directory"),
        (b"d/real/x", "d/real/x: not a directory"),
        (b"nope", "nope: no such file or directory"),
        (b"lost", "lost: the hard link leads nowhere"),
        (b"self", "self: the hard link leads nowhere"),
    ] {
        assert_eq!(of(path).unwrap_err().to_string(), problem);
    }
    assert_eq!(merged.size(merged.find(b"hard").unwrap()), 0);
}

#[test]
fn searching_gives_paths_in_order_up_to_a_number() {
    let merged = stack(&[BASE, &[file("etc/x.conf", b""), file("x/etc/y.conf", b"")]]);
    let paths = |pattern, limit| {
        let found = merged.search(pattern, limit);
        found.into_iter().map(|id| String::from_utf8_lossy(&merged.path(id)).into_owned()).collect::<Vec<_>>()
    };
    assert_eq!(paths("**/*.conf", 9), ["etc/x.conf", "x/etc/y.conf"]);
    assert_eq!(paths("/etc/*", 9), ["etc/x.conf"]);
    assert_eq!(paths("etc", 9), ["etc", "etc/x.conf", "x/etc", "x/etc/y.conf"]);
    assert_eq!(paths("x", 1), ["d/x"]);
}

#[test]
fn what_the_topmost_layer_removed_can_be_entered() {
    let merged = stack(&[BASE, &[file(".wh.d", b"")]]);
    assert!(merged.resolve(b"/d").is_err());
    let d = merged.resolve_with(b"/d", true).unwrap();
    assert_eq!(merged.children(d, true).len(), 2);
    assert_eq!(merged.path(merged.resolve_with(b"d/x", true).unwrap()), b"d/x");
    // What a layer below it removed is no longer there.
    let merged = stack(&[BASE, &[file(".wh.d", b"")], &[file("z", b"")]]);
    assert!(merged.resolve_with(b"/d", true).is_err());
}
