use super::*;
use crate::image::error::Error;
use crate::image::limits::Limits;
use crate::image::tar::Stream;
use crate::image::testing::{Item, dir, file, hardlink, symlink, tar};

fn build_in(items: &[Item<'_>], limits: &Limits) -> Result<Tree, Error> {
    let mut builder = Builder::new(limits, Options::default());
    let mut stream = Stream::new(limits, "layer");
    stream.feed(&tar(items), &mut builder)?;
    stream.finish()?;
    Ok(builder.finish())
}

fn build(items: &[Item<'_>]) -> Tree {
    build_in(items, &Limits::default()).unwrap()
}

/// All paths with a letter for each kind, by name.
fn listing(tree: &Tree) -> Vec<String> {
    let mut out = Vec::new();
    let mut stack = vec![Tree::ROOT];
    while let Some(id) = stack.pop() {
        stack.extend(tree.sorted_children(id).into_iter().rev());
        let node = tree.node(id);
        let letter = match node.kind() {
            _ if node.is_bare_whiteout() => 'w',
            Kind::Directory if node.flags().has(Flags::OPAQUE) => 'o',
            Kind::Directory if node.flags().has(Flags::IMPLIED) => 'i',
            Kind::Directory => 'd',
            Kind::File => 'f',
            Kind::Symlink => 'l',
            Kind::Hardlink => 'h',
            _ => '?',
        };
        if id != Tree::ROOT {
            out.push(format!("{letter} {}", String::from_utf8_lossy(&tree.path(id))));
            assert_eq!(tree.find(&tree.path(id)), Some(id));
        }
    }
    out
}

#[test]
fn entries_become_a_tree_with_what_their_paths_imply() {
    let tree = build(&[file("./a/b/c", b"12345"), dir("a/"), file("/z", b"1"), symlink("s", "a"), dir("./")]);
    assert_eq!(listing(&tree), ["d a", "i a/b", "f a/b/c", "l s", "f z"]);
    assert_eq!((tree.file_size(), tree.entries), (6, 5));
    assert_eq!(tree.link(tree.find(b"s").unwrap()), Some(&b"a"[..]));
    assert!(tree.node(Tree::ROOT).flags().has(Flags::ENTRY));
    assert_eq!(tree.find(b"a/nope"), None);
}

#[test]
fn the_last_of_several_entries_counts() {
    let tree = build(&[
        file("a/x", b"12"),
        file("a/y", b"345"),
        file("b", b"1"),
        file("a", b"1234"),
        dir("b"),
        file("b/c", b""),
    ]);
    assert_eq!(listing(&tree), ["f a", "d b", "f b/c"]);
    assert_eq!(tree.file_size(), 4);
    let tree = build(&[dir("a"), file("a/x", b"12"), dir("a")]);
    assert_eq!(listing(&tree), ["d a", "f a/x"]);
}

#[test]
fn whiteouts_hide_and_may_have_something_new_in_their_place() {
    let items = [
        file(".wh.gone", b""),
        file("d/.wh..wh..opq", b""),
        file("n", b"old"),
        file(".wh.n", b""),
        file("m/.wh.x", b""),
        file("m/x/new", b"1"),
    ];
    let tree = build(&items);
    assert_eq!(listing(&tree), ["o d", "w gone", "i m", "i m/x", "f m/x/new", "w n"]);
    let x = tree.node(tree.find(b"m/x").unwrap());
    assert!(x.flags().has(Flags::WHITEOUT) && !x.is_bare_whiteout());
    assert_eq!(tree.file_size(), 1);
    assert!(build(&[file(".wh..wh.plnk", b""), dir(".wh..wh.aufs")]).is_empty());
}

#[test]
fn hard_links_lead_to_the_file_and_weigh_nothing() {
    let tree = build(&[
        file("a", b"123"),
        hardlink("b", "./a"),
        hardlink("c", "b"),
        hardlink("d", "elsewhere"),
        hardlink("e", "e"),
    ]);
    let a = tree.find(b"a").unwrap();
    for (name, target) in [(&b"b"[..], a), (b"c", a)] {
        assert_eq!(tree.content(tree.find(name).unwrap()), target);
    }
    for name in [&b"d"[..], b"e"] {
        let id = tree.find(name).unwrap();
        assert_eq!(tree.content(id), id);
    }
    assert_eq!(tree.file_size(), 3);
}

#[test]
fn links_on_the_way_are_followed_within_the_layer() {
    let tree = build(&[
        dir("usr/lib"),
        symlink("lib", "usr/lib"),
        file("lib/x", b"1"),
        symlink("up", "../../usr"),
        file("up/y", b"2"),
    ]);
    assert_eq!(listing(&tree), ["l lib", "l up", "i usr", "d usr/lib", "f usr/lib/x", "f usr/y"]);
}

#[test]
fn hostile_paths_are_refused_by_name() {
    let problem = |items: &[Item<'_>]| build_in(items, &Limits::default()).unwrap_err().to_string();
    assert_eq!(
        problem(&[file("x", b""), file("a/../../etc/passwd", b"")]),
        r#"layer at byte 512, entry "a/../../etc/passwd": the path leads out of the layer"#
    );
    assert!(problem(&[hardlink("x", "../y")]).contains("leads out"));
    assert!(problem(&[symlink("a", "b"), symlink("b", "a"), file("a/x", b"")]).contains("symbolic links"));
    assert!(problem(&[file("f", b""), file("f/x", b"")]).contains("no directory"));
    assert!(problem(&[file(".wh.", b"")]).contains("whiteout"));
    assert!(problem(&[file(".wh...", b"")]).contains("whiteout"));
    let deep = "d/".repeat(2000);
    assert!(problem(&[dir(&deep)]).contains("depth"));
    let limits = Limits { names: 10, ..Limits::default() };
    assert!(build_in(&[file("a-long-name", b"")], &limits).unwrap_err().to_string().contains("names"));
}

#[test]
fn contents_are_told_apart_and_secrets_seen() {
    let line = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7";
    let key = format!("-----BEGIN PRIVATE KEY-----\n{line}\n");
    let chain = format!("-----BEGIN CERTIFICATE-----\n{}-----END CERTIFICATE-----\n{key}", "A123\n".repeat(4000));
    let long = format!("{}{key}", "# 456\n".repeat(4000));
    let tree = build(&[
        file("a", b"same"),
        file("b", b"same"),
        file("c", b"other"),
        file("k", key.as_bytes()),
        file("chain", chain.as_bytes()),
        file("long", long.as_bytes()),
    ]);
    let secret = |path: &[u8]| tree.extra(tree.find(path).unwrap()).and_then(|extra| extra.secret);
    assert_eq!((secret(b"chain"), secret(b"long")), (Some("private key"), None), "behind certificates, not anywhere");
    let hash = |path: &[u8]| tree.node(tree.find(path).unwrap()).hash;
    assert_eq!(hash(b"a"), hash(b"b"));
    assert_ne!(hash(b"a"), hash(b"c"));
    let k = tree.find(b"k").unwrap();
    assert!(tree.node(k).flags().has(Flags::SECRET));
    assert_eq!(tree.extra(k).unwrap().secret, Some("private key"));
}

#[test]
fn a_directory_of_many_is_quick_and_small() {
    let limits = Limits::default();
    let mut builder = Builder::new(&limits, Options::default());
    let mut stream = Stream::new(&limits, "layer");
    for n in 0..200_000 {
        let path = format!("d/file-{n}");
        stream.feed(&crate::image::testing::header(path.as_bytes(), b'0', b"", 0), &mut builder).unwrap();
    }
    stream.finish().unwrap();
    let tree = builder.finish();
    assert_eq!(tree.children(tree.find(b"d").unwrap()).count(), 200_000);
    assert!(tree.memory() < 200_000 * 140, "{} bytes a node", tree.memory() / 200_000);
}
