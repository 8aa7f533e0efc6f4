use super::*;
use crate::image::Limits;
use crate::image::testing::{Oci, docker_archive, file, gzip, tar};

fn report(bytes: Vec<u8>) -> Report {
    Archive::open(bytes, &Limits::default()).unwrap().verify()
}

fn failures(report: &Report) -> Vec<(Subject, String)> {
    report.failures().map(|check| (check.subject, check.failure.clone().unwrap())).collect()
}

#[test]
fn whole_archives_are_good() {
    let plain = tar(&[file("a", b"1")]);
    let good = report(docker_archive(std::slice::from_ref(&plain), &[], &["demo:1"]));
    assert!(good.is_good());
    assert_eq!(good.checks.iter().map(|c| c.subject).collect::<Vec<_>>(), [Subject::Config, Subject::DiffId]);
    let mut oci = Oci::new();
    let image = oci.image(&[(gzip(&plain), plain)], &[]);
    let good = report(oci.archive(&[image]));
    assert!(good.is_good(), "{good:?}");
    assert_eq!(good.checks.len(), 6);
}

#[test]
fn each_kind_of_damage_is_named() {
    let plain = tar(&[file("a", &[b'x'; 2000])]);
    // A changed file in a plain layer: only the diff id can tell.
    let mut bytes = docker_archive(std::slice::from_ref(&plain), &[], &["demo:1"]);
    let at = bytes.windows(8).rposition(|w| w == b"xxxxxxxx").unwrap();
    bytes[at] = b'y';
    let found = failures(&report(bytes));
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].0, Subject::DiffId);
    // A blob that is another one, well-formed.
    let mut oci = Oci::new();
    let mut image = oci.image(&[(gzip(&plain), plain.clone())], &[]);
    let other = gzip(&tar(&[file("other", b"")]));
    oci.replace(&Digest::of(&gzip(&plain)), &other);
    let kinds = |report: &Report| failures(report).into_iter().map(|(subject, _)| subject).collect::<Vec<_>>();
    assert_eq!(kinds(&report(oci.archive(&[image.clone()]))), [Subject::Blob, Subject::Size, Subject::DiffId]);
    // One that is cut off.
    oci.replace(&Digest::of(&gzip(&plain)), &gzip(&plain)[..30]);
    assert_eq!(kinds(&report(oci.archive(&[image.clone()]))), [Subject::Layer, Subject::Blob, Subject::Size]);
    // One that is missing, and a manifest of another size.
    oci.remove(Digest::of(&gzip(&plain)).as_str());
    image["size"] = serde_json::json!(3);
    let report = report(oci.archive(&[image]));
    assert_eq!(kinds(&report), [Subject::Size, Subject::Blob]);
    assert!(failures(&report)[1].1.contains("lacks"));
}
