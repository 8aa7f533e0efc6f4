//! Dockerfiles at random, the same for the same seed: what property tests run over.

/// Numbers from a seed (SplitMix64).
pub(in crate::dockerfile) struct Random(pub(in crate::dockerfile) u64);

impl Random {
    pub(in crate::dockerfile) fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % limit as u64).unwrap_or(0)
    }

    pub(in crate::dockerfile) fn one<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.below(of.len())]
    }
}

/// A Dockerfile; most of them can be parsed.
pub(in crate::dockerfile) fn dockerfile(seed: u64) -> String {
    let mut random = Random(seed);
    let escape = if random.below(5) == 0 { '`' } else { '\\' };
    let mut out = String::new();
    if random.below(12) == 0 {
        out.push('\u{feff}');
    }
    if random.below(8) == 0 {
        out.push_str(random.one(&["\n", "# first\n", "  \n\n", "#\n"]));
    }
    if escape == '`' {
        out.push_str(random.one(&["# escape=`\n", "#escape = `\n", "  # ESCAPE=` \n"]));
    }
    if random.below(4) == 0 {
        out.push_str(random.one(&["# syntax=docker/dockerfile:1\n", "#syntax =  x y \n", "# check=skip=all\n"]));
    }
    for number in 0..1 + random.below(7) {
        for _ in 0..random.below(4) {
            out.push_str(random.one(&["\n", " \t\n", "# note  \n", "  # indented\n", "#\n", "# escape=`\n", "\n\n\n"]));
        }
        let instruction = if number == 0 { from(&mut random) } else { instruction(&mut random, 0) };
        out.push_str(&broken(&mut random, &instruction, escape));
        if random.below(60) > 0 {
            out.push('\n');
        }
    }
    match random.below(6) {
        0 => out = out.replace('\n', "\r\n"),
        1 => out.truncate(out.trim_end_matches('\n').len()),
        _ => {}
    }
    out
}

fn from(random: &mut Random) -> String {
    random
        .one(&[
            "FROM alpine:3.20",
            "from  --platform=$BUILDPLATFORM  golang AS base",
            "FROM base as next",
            "From debian:12 AS Base",
            "FROM ${IMAGE:-busybox}",
            "FROM scratch",
        ])
        .to_owned()
}

fn instruction(random: &mut Random, depth: usize) -> String {
    let words = ["a", "b.txt", "./dir/", "$x", "${y:-z}", "\"q w\"", "'s  t'", "à", "x=1", "80/tcp", "<y", "--", "#h"];
    let list = |random: &mut Random| {
        (0..1 + random.below(4)).map(|_| random.one(&words)).collect::<Vec<_>>().join(random.one(&[" ", "  ", "\t"]))
    };
    match random.below(16) {
        0 => from(random),
        1 => format!("RUN {}", list(random)),
        2 => format!("run  --mount=type=cache,target=/c   --network=none {} && {}", list(random), list(random)),
        3 => format!("COPY {} --chown=1:1 --from=base  {} /dst/", random.one(&["", "--link"]), list(random)),
        4 => format!("ENV k=\"v w\"  l='m' n={} o=$k", random.one(&["1", "\"\"", "", "a\\ b", "x"])),
        5 => format!("Env name {}", list(random)),
        6 => format!("LABEL a.b=c \"x y\"={}", random.one(&["1", "\"2  3\""])),
        7 => format!("CMD [ \"a\",\"b c\" , \"{}\"]", random.one(&["d", "\\\"e\\\"", "[f]", "#g", "h,i"])),
        8 => format!("HEALTHCHECK  --interval=5s   CMD {}", random.one(&["[\"x\" ]", "curl  -f localhost", ""])),
        9 if depth < 2 => format!("ONBUILD {}", instruction(random, depth + 1)),
        10 if depth == 0 => {
            let (open, close) = [("<<EOF", "EOF"), ("<<-'E F'", "\tE F"), ("3<<\"A\"", "A")][random.below(3)];
            let body = random.one(&["", "echo  hi \\\n", "# not a comment\n\n", "  x\n\ty  \nFROM z\n"]);
            format!(
                "{} {open} {}\n{body}{close}",
                random.one(&["RUN", "copy", "ADD  --chmod=1"]),
                random.one(&["/x", "cat"])
            )
        }
        11 => format!("ARG v{} w={}", random.one(&["", "=", "=1", "=\"a b\""]), random.one(&["2", "$v"])),
        12 => format!("{}  {}", random.one(&["WORKDIR", "USER", "STOPSIGNAL", "MAINTAINER", "Shell"]), list(random)),
        13 => format!("EXPOSE {}   VOLUME", list(random)),
        14 => format!("VOLUME [\"/a b\"{}]", random.one(&["", ",\"c\"", " , \"d\" "])),
        _ => format!("{} {}", random.one(&["ENTRYPOINT", "WHAT", "ADD"]), list(random)),
    }
}

/// Breaks an instruction's head over lines at some of its spaces, with what may stand between.
fn broken(random: &mut Random, instruction: &str, escape: char) -> String {
    let (head, rest) = instruction.split_once('\n').map_or((instruction, None), |(head, rest)| (head, Some(rest)));
    let mut out = random.one(&["", "", "", "  ", "\t"]).to_owned();
    let often = random.below(12);
    for c in head.chars() {
        if c == ' ' && often < 4 && random.below(4) == 0 {
            out.push_str(random.one(&["", " ", "  "]));
            out.push(escape);
            out.push_str(random.one(&["\n", "\n", "  \n", "\t\n"]));
            for _ in 0..random.below(8).saturating_sub(5) {
                out.push_str(random.one(&["\n", "  \n", "# inside\n", "    # with \\\n", " #\"\n"]));
            }
            out.push_str(random.one(&[" ", "  ", "    ", "", "\t"]));
        } else if random.below(150) == 0 {
            out.push(c);
            out.push(escape);
            out.push('\n');
        } else {
            out.push(c);
        }
    }
    out.push_str(random.one(&["", "", "", " ", "\t ", "\u{a0}"]));
    if random.below(100) == 0 {
        out.push(escape);
    }
    if let Some(rest) = rest {
        out.push('\n');
        out.push_str(rest);
    }
    out
}
