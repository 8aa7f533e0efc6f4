use super::*;
use crate::dockerfile::{instructions::program, parse};

#[test]
fn entries_of_all_builders_are_understood() {
    for (by, builder, instruction, arguments) in [
        ("/bin/sh -c #(nop)  CMD [\"sh\"]", Builder::Classic, "CMD", "[\"sh\"]"),
        ("/bin/sh -c #(nop) ADD file:1234 in / ", Builder::Classic, "ADD", "file:1234 in /"),
        ("/bin/sh -c apt-get update", Builder::Classic, "RUN", "apt-get update"),
        ("|1 V=a b /bin/sh -c echo $V", Builder::Classic, "RUN", "echo $V"),
        ("RUN /bin/sh -c echo hi # buildkit", Builder::Buildkit, "RUN", "echo hi"),
        ("RUN |2 A=1 B=2 /bin/sh -c make # buildkit", Builder::Buildkit, "RUN", "make"),
        ("COPY . /app # buildkit", Builder::Buildkit, "COPY", ". /app"),
        ("ENV A=b", Builder::Other, "ENV", "A=b"),
        ("bazel build ...", Builder::Other, "", "bazel build ..."),
        ("", Builder::Other, "", ""),
    ] {
        assert_eq!(understand(by, ""), (builder, instruction, arguments.to_owned()), "{by}");
    }
    assert_eq!(understand("ENV A=b", "buildkit.dockerfile.v0").0, Builder::Buildkit);
}

fn made(entries: &[(&str, bool)]) -> Vec<Step> {
    let mut layer = 0;
    entries
        .iter()
        .enumerate()
        .map(|(at, (by, empty))| {
            let (builder, instruction, arguments) = understand(by, "");
            let made = (!empty).then_some(layer);
            layer += usize::from(!empty);
            Step { history: at, layer: made, builder, instruction: instruction.into(), arguments, lines: None }
        })
        .collect()
}

#[test]
fn steps_find_their_lines_and_base_images_have_none() {
    let text = "ARG V=1\nFROM debian AS base\nRUN apt-get update && \\\n  apt-get install -y curl\nENV A=1\n\nFROM base\nCOPY . /app\nRUN make\nRUN make install\nCMD [\"app\"]\n";
    let program = program(&parse(text));
    let mut steps = made(&[
        ("/bin/sh -c #(nop) ADD file:1 in / ", false),
        ("/bin/sh -c #(nop)  CMD [\"bash\"]", true),
        ("RUN /bin/sh -c apt-get update &&   apt-get install -y curl # buildkit", false),
        ("ENV A=1", true),
        ("COPY . /app # buildkit", false),
        ("RUN /bin/sh -c make # buildkit", false),
        ("RUN /bin/sh -c make install # buildkit", false),
        ("CMD [\"app\"]", true),
    ]);
    align(&mut steps, &program, None);
    let lines: Vec<_> = steps.iter().map(|step| step.lines).collect();
    assert_eq!(
        lines,
        [None, None, Some((3, 4)), Some((5, 5)), Some((8, 8)), Some((9, 9)), Some((10, 10)), Some((11, 11))]
    );
    assert_eq!(of_layer(&steps, 2).unwrap().text(), "COPY . /app");
    steps.iter_mut().for_each(|step| step.lines = None);
    align(&mut steps[..4], &program, Some("base"));
    assert_eq!(steps[2].lines, Some((3, 4)));
    align(&mut steps, &program, Some("nope"));
}
