//! Which blobs of which repositories may serve for a layer that is to be pushed (moby `distribution/push_v2.go`). Pure.

use crate::store::BlobSource;

/// Repositories that a mount is tried from.
const MAX_MOUNTS: usize = 4;
/// Digests that are asked for.
const MAX_CHECKS: usize = 3;

/// Repositories of the same registry that have the layer, the likeliest first: those whose path begins as the target's,
/// and of these the newest.
pub(crate) fn mounts(target: &str, known: &[BlobSource]) -> Vec<BlobSource> {
    let domain = |name: &str| name.split('/').next().unwrap_or_default().to_owned();
    let mut found: Vec<BlobSource> = known
        .iter()
        .rev()
        .filter(|blob| blob.repository != target && domain(&blob.repository) == domain(target))
        .cloned()
        .collect();
    found.sort_by_key(|blob| std::cmp::Reverse(common_parts(target, &blob.repository)));
    found.truncate(MAX_MOUNTS);
    found
}

/// Blobs that may be in the target already: its own first.
pub(crate) fn checks(target: &str, known: &[BlobSource]) -> Vec<BlobSource> {
    let mut found: Vec<BlobSource> = Vec::new();
    let mut ordered: Vec<&BlobSource> = known.iter().rev().collect();
    ordered.sort_by_key(|blob| std::cmp::Reverse(common_parts(target, &blob.repository)));
    for blob in ordered {
        if !found.iter().any(|other| other.digest == blob.digest) {
            found.push(blob.clone());
        }
    }
    found.truncate(MAX_CHECKS);
    found
}

fn common_parts(a: &str, b: &str) -> usize {
    a.split('/').zip(b.split('/')).take_while(|(a, b)| a == b).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Digest;

    fn blob(n: u8, repository: &str) -> BlobSource {
        BlobSource { digest: Digest::of(&[n]), repository: repository.into() }
    }

    #[test]
    fn mounts_come_from_the_same_registry_the_nearest_first() {
        let known =
            [blob(1, "r:5000/x/a"), blob(2, "r:5000/y/b"), blob(3, "docker.io/x/a"), blob(4, "r:5000/x/target")];
        assert_eq!(mounts("r:5000/x/target", &known), [blob(1, "r:5000/x/a"), blob(2, "r:5000/y/b")]);
        let many: Vec<BlobSource> = (0..9).map(|n| blob(n, &format!("r:5000/z/{n}"))).collect();
        assert_eq!(mounts("r:5000/q", &many).first(), many.last());
        assert_eq!(mounts("r:5000/q", &many).len(), MAX_MOUNTS);
    }

    #[test]
    fn the_targets_own_blob_is_asked_for_first_and_each_once() {
        let known = [blob(1, "r/target"), blob(2, "docker.io/a/b"), blob(1, "r/other")];
        assert_eq!(checks("r/target", &known), [blob(1, "r/target"), blob(2, "docker.io/a/b")]);
    }
}
