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
        assert_eq!(renamed(text, "W"), Err(RenameError::Unclear { line, name: "VV".into() }), "{text:?}");
    }
    let taken = Err(RenameError::Unclear { line: 3, name: "W".into() });
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

#[test]
fn a_stage_that_is_named_in_another_way_keeps_its_name() {
    let renamed = |text: &str| rename(text, text.find("ss").unwrap(), "new").map(|edits| apply(text, &edits));
    for (rest, line) in [
        ("COPY --from='ss' /a /b\n", 3),
        ("COPY --from=\"ss\" /a /b\n", 3),
        ("RUN --mount=type=bind,\"from=ss\",target=/b x\n", 3),
        ("RUN --mount=type=bind,from=S\\\nS,target=/b x\n", 3),
        ("FROM 'ss'\n", 3),
        ("FROM s$L\n", 3),
        ("FROM c\nFROM \"SS\" AS d\n", 4),
        ("RUN --mount=target=/m,FROM=ss x\n", 3),
        ("ONBUILD COPY --from='ss' /a /b\nFROM ss\n", 3),
        ("FROM c\nARG SOURCE_DATE_EPOCH=ss\n", 4),
    ] {
        let text = format!("ARG L=s\nFROM a AS ss\n{rest}");
        assert_eq!(renamed(&text), Err(RenameError::Unclear { line, name: "ss".into() }), "{text:?}");
    }
    // Before the stage, and where something else has the name, the same words mean no stage.
    for (text, after) in [
        ("FROM 'sx'\nFROM a AS ss\nCOPY --from=ss a b\n", "FROM 'sx'\nFROM a AS new\nCOPY --from=new a b\n"),
        (
            "FROM a AS ss\nRUN --mount=type=bind,from=ss,target=/x y\n",
            "FROM a AS new\nRUN --mount=type=bind,from=new,target=/x y\n",
        ),
    ] {
        assert_eq!(renamed(text).as_deref(), Ok(after));
    }
}

#[test]
fn a_name_that_would_gain_another_meaning_is_taken() {
    let renamed = |text: &str, old: &str, new: &str| rename(text, text.find(old).unwrap(), new);
    for text in [
        "FROM a AS ss\nCOPY --from='new' /a /b\n",
        "FROM a AS ss\nRUN --mount=from=n\\\new,target=/a x\n",
        "FROM a AS ss\nFROM ${NO:-new}\n",
    ] {
        assert_eq!(renamed(text, "ss", "new"), Err(RenameError::Taken("new".into())), "{text:?}");
    }
    let text = "FROM a AS ss\nFROM ss\n";
    assert_eq!(renamed(text, "ss", "New"), Err(RenameError::StageName("New".into())));
    assert!(renamed("FROM a AS ss\nCOPY --from=ss a b\n", "ss", "New").is_ok());
    for text in ["ARG W=1\nFROM a\nARG VV\n", "ARG VV=1\nFROM a\nARG W\n"] {
        assert_eq!(renamed(text, "VV", "W"), Err(RenameError::Taken("W".into())), "{text:?}");
    }
    assert!(renamed("FROM a\nARG VV\nFROM a\nARG W\n", "VV", "W").is_ok());
}

#[test]
fn a_variable_whose_name_is_broken_over_lines_keeps_it() {
    let renamed = |text: &str| rename(text, text.find("VV").unwrap(), "W").map(|edits| apply(text, &edits));
    for instruction in [
        "ENV A=$V\\\nV",
        "LABEL a=${V\\\nV}",
        "RUN echo $VV $V\\\nV",
        "COPY --chown=$V\\\nV a b",
        "ONBUILD ENV A=$V\\\nV",
        "ENV V\\\nV=2",
        "ENV B=1 'VV'=2",
        "ARG V\\\nV",
    ] {
        let text = format!("FROM a\nARG VV=1\n{instruction}\n");
        assert_eq!(renamed(&text), Err(RenameError::Unclear { line: 3, name: "VV".into() }), "{text:?}");
    }
    let text = "FROM a\nARG VV=1\nENV A=$VV \\\n B=${VV}\nLABEL '$VV'=\"$VV\"\n";
    assert_eq!(renamed(text).as_deref(), Ok("FROM a\nARG W=1\nENV A=$W \\\n B=${W}\nLABEL '$VV'=\"$W\"\n"));
}
