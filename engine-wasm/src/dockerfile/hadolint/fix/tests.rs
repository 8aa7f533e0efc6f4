//! What fixes leave alone, because the file does not tell whether they would change its meaning.

use crate::dockerfile::hadolint::{Options, apply, check, fix, fix_all};
use crate::dockerfile::lint;

/// Makes the fixes of both sets of rules.
fn fixed(text: &str) -> String {
    let text = fix_all(text, &Options::default());
    let found = lint::check(&text, &lint::Options::default()).warnings;
    let edits: Vec<_> = found.iter().flat_map(|found| fix::fixes(&text, found)).flat_map(|fix| fix.edits).collect();
    apply(&text, &edits)
}

#[test]
fn fixes_change_no_meaning() {
    for kept in [
        // The lists are needed by a later command.
        "FROM a:1\nRUN apt-get update\nRUN apt-get install -y x=1",
        "FROM a:1\nRUN apt-get update && apt-get install -y x=1\nRUN apt-get install -y y=1",
        "FROM a:1\nRUN apt-get update && apt-get install -y x=1\nONBUILD RUN apt-get install -y y=1",
        "FROM a:1\nRUN apt-get update && apt-get install -y x=1\nRUN ./set-up.sh",
        "FROM a:1\nRUN apt-get update && apt-get install -y x=1; y",
        // busybox's wget knows no `--progress=dot:giga`.
        "FROM a:1\nRUN wget http://x/y",
        // The base image's shell, `ENTRYPOINT` and `CMD` are not known.
        "FROM a:1\nENTRYPOINT x",
        "FROM a:1\nENTRYPOINT x\nCMD [\"y\"]",
        "FROM a:1\nSHELL [\"/x\", \"-c\"]\nCMD y",
        "FROM a:1\nHEALTHCHECK CMD exit 0",
        // `ADD` unpacks what these may be.
        "FROM a:1\nADD x.tar.zst /",
        "FROM a:1\nADD x.zst /",
        "FROM a:1\nADD x.TAR.GZ /",
        "FROM a:1\nADD x* /",
        "FROM a:1\nADD *.py /",
        "FROM a:1\nADD rootfs /",
        "FROM a:1\nADD x.apk y.py /",
        "FROM a:1\nADD x.tar/ /",
        "FROM a:1\nADD git@x:y.py /",
        // `--no-cache` keeps the index from a later command, or needs a network.
        "FROM a:1\nRUN apk add -U x=1\nRUN apk del x",
        "FROM a:1\nRUN --network=none apk add x=1",
        "FROM a:1\nRUN yarn install",
        "FROM a:1\nRUN pip-sync install x==1",
        "FROM a:1\nRUN --mount=type=cache,target=/var/cache/yum yum install -y x-1",
        "FROM a:1\nRUN zypper si x",
        "FROM a:1\nRUN apt upgrade",
        "FROM a:1\nRUN apt search x",
        "FROM a:1\nCOPY x y $Z",
        "FROM a:1\nLABEL org.opencontainers.image.authors=x\nMAINTAINER y",
        "ARG TARGETPLATFORM=linux/386\nFROM --platform=$TARGETPLATFORM a:1",
        "FROM a:1\nENV 'a' b",
        "FROM a:1\nRUN yum install -y x-1 || y",
    ] {
        assert_eq!(fixed(kept), kept);
    }
    for (before, after) in [
        (
            "FROM a:1\nRUN apt-get update && apt-get install -y x=1\nRUN y",
            "FROM a:1\nRUN apt-get update && apt-get install -y x=1 && rm -rf /var/lib/apt/lists/*\nRUN y",
        ),
        ("FROM a:1\nADD x.py ./src/ . /", "FROM a:1\nCOPY x.py ./src/ . /"),
        ("FROM a:1\nRUN apk update && apk add x=1", "FROM a:1\nRUN apk update && apk add --no-cache x=1"),
        ("FROM a:1\nRUN pip3.11 install x==1", "FROM a:1\nRUN pip3.11 install --no-cache-dir x==1"),
        ("FROM a:1\nRUN apt install -y x", "FROM a:1\nRUN apt-get install -y x"),
        ("FROM a:1\nCMD [\"x\"]\nENTRYPOINT [\"y\"]\nCMD [\"z\"]", "FROM a:1\nENTRYPOINT [\"y\"]\nCMD [\"z\"]"),
    ] {
        assert_eq!(fixed(before), after);
        assert_ne!(check(before, &Options::default()), []);
    }
}
