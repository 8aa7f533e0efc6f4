use super::*;
use crate::image::Limits;
use crate::image::testing::{Oci, config, docker_archive, file, gzip, tar};

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

#[test]
fn documents_that_disagree_are_not_good() {
    let (one, two) = (tar(&[file("a", b"1")]), tar(&[file("b", b"2")]));
    let said = |report: &Report| (report.is_good(), report.problems.join("; "));
    // A layer more than the configuration has diff ids.
    let mut oci = Oci::new();
    let json = config(std::slice::from_ref(&one), &[]);
    let config = oci.blob("application/vnd.oci.image.config.v1+json", &json);
    let layers = [&one, &two].map(|layer| oci.blob("application/vnd.oci.image.layer.v1.tar", layer));
    let media_type = "application/vnd.oci.image.manifest.v1+json";
    let manifest = serde_json::json!({"schemaVersion": 2, "mediaType": media_type, "config": config, "layers": layers});
    let image = oci.document(&manifest);
    let found = report(oci.archive(&[image]));
    assert_eq!(failures(&found), [(Subject::Document, "the manifest has 2 layers".to_owned())]);
    assert!(said(&found).1.ends_with("has 2 layers, its configuration 1"), "{found:?}");
    // Sizes of documents: of an index, and of a configuration.
    let mut oci = Oci::new();
    let image = oci.image(&[(gzip(&one), one.clone())], &[]);
    let index = serde_json::json!({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": [image]});
    let mut top = oci.document(&index);
    let archive = |oci: &Oci, top: &serde_json::Value| report(oci.archive(std::slice::from_ref(top)));
    assert!(archive(&oci, &top).is_good());
    let size = std::mem::replace(&mut top["size"], serde_json::json!(7));
    let found = archive(&oci, &top);
    let digest = top["digest"].as_str().unwrap();
    assert_eq!(said(&found), (false, format!("manifest {digest}: {size} bytes, expected 7")));
    let mut manifest = manifest;
    manifest["layers"].as_array_mut().unwrap().pop();
    manifest["config"]["size"] = serde_json::json!(1);
    oci.blob("application/vnd.oci.image.config.v1+json", &json);
    oci.blob("application/vnd.oci.image.layer.v1.tar", &one);
    let image = oci.document(&manifest);
    let (good, problems) = said(&archive(&oci, &image));
    assert!(!good && problems.ends_with("bytes, expected 1"), "{problems}");
}
