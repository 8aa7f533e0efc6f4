use super::*;
use crate::dockerfile::hadolint::apply;

#[test]
fn a_variable_that_a_shell_may_mean_otherwise_keeps_its_name() {
    let renamed = |text: &str, new: &str| rename(text, text.find("VV").unwrap(), new).map(|edits| apply(text, &edits));
    for (text, line) in [
        ("FROM a\nARG VV=1\nRUN VV=2; echo $VV\n", 3),
        ("FROM a\nARG VV=1\nRUN x && \\\n  for VV in a b; do echo $VV; done\n", 4),
        ("FROM a\nARG VV=1\nRUN read VV && echo $VV\n", 3),
        ("FROM a\nARG VV=1\nRUN export VV=3 && echo $VV\n", 3),
        ("FROM a\nARG VV=1\nRUN echo ${#VV}\n", 3),
        ("FROM a\nARG VV=1\nRUN echo $((VV+1)) $((1-VV))\n", 3),
        ("FROM a\nARG VV=1\nRUN echo $((VV-1))\n", 3),
        ("FROM a\nARG VV=1\nRUN sh -c 'echo $VV'\n", 3),
        ("FROM a\nARG VV=1\nRUN sh -c \"echo \\$VV\"\n", 3),
        ("FROM a\nARG VV=1\nRUN [\"sh\", \"-c\", \"echo $VV\"]\n", 3),
        ("FROM a\nARG VV=1\nRUN --mount=type=secret,id=x,env=VV y\n", 3),
        ("FROM a\nENV VV=1\nONBUILD RUN VV=1 x\n", 3),
        ("FROM a\nENV VV=1\nCMD [\"sh\", \"-c\", \"echo $VV\"]\n", 3),
        ("FROM a\nENV VV=1\nCOPY <<'E' /x\n#!/bin/sh\necho $VV\nE\n", 5),
        ("FROM a\nENV VV=1\nRUN <<E\necho '$VV'\nE\n", 4),
        ("FROM a AS b\nENV VV=1\nFROM b\nRUN unset VV\n", 4),
    ] {
        assert_eq!(renamed(text, "W"), Err(RenameError::Shell { line, name: "VV".into() }), "{text:?}");
    }
    let taken = Err(RenameError::Shell { line: 3, name: "W".into() });
    assert_eq!(renamed("FROM a\nARG VV=1\nRUN W=1; echo $VV\n", "W"), taken);
    for (text, after) in [
        ("FROM a\nENV VV=1\nRUN <<'E'\necho $VV\nE\n", "FROM a\nENV W=1\nRUN <<'E'\necho $W\nE\n"),
        (
            "FROM a\nARG VV=1\nRUN x --VV=y /VV/z \\\n  # VV\n  ${VV%%x} XVV\nFROM b\nRUN VV=1\n",
            "FROM a\nARG W=1\nRUN x --VV=y /VV/z \\\n  # VV\n  ${W%%x} XVV\nFROM b\nRUN VV=1\n",
        ),
    ] {
        assert_eq!(renamed(text, "W").as_deref(), Ok(after));
    }
}
