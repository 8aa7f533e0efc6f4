use super::*;
use crate::dockerfile::{self, instructions};

fn applied(text: &str) -> ImageConfig {
    let program = instructions::program(&dockerfile::parse(&format!("FROM x\n{text}")));
    assert!(program.errors.is_empty(), "{:?}", program.errors);
    let mut config = ImageConfig::scratch("linux", "amd64", "");
    let mut cmd_set = false;
    for instruction in &program.stages[0].commands {
        config.apply(&instruction.command, &mut cmd_set, "1970-01-01T00:00:00Z").unwrap();
    }
    config
}

#[test]
fn history_is_worded_as_buildkit_words_it() {
    let config = applied(
        "ENV A=1 B=xy\nLABEL a=b\nEXPOSE 80 53/udp 1-3\nCMD echo hi\nENTRYPOINT [\"/a\", \"b\\\"c\"]\nVOLUME /d /e\nUSER u:g\n\
         HEALTHCHECK --interval=90s --retries=2 CMD true\nSTOPSIGNAL SIGTERM\nSHELL [\"/bin/bash\", \"-c\"]\nONBUILD RUN x\nMAINTAINER me\n",
    );
    let said: Vec<&str> = config.history.iter().filter_map(|h| h["created_by"].as_str()).collect();
    assert_eq!(
        said,
        [
            "ENV A=1 B=xy",
            "LABEL a=b",
            "EXPOSE [1/tcp 2/tcp 3/tcp 53/udp 80/tcp]",
            "CMD [\"/bin/sh\" \"-c\" \"echo hi\"]",
            "ENTRYPOINT [\"/a\" \"b\\\"c\"]",
            "VOLUME [/d /e]",
            "USER u:g",
            "HEALTHCHECK {Test:[CMD-SHELL true] Interval:1m30s Timeout:0s StartPeriod:0s StartInterval:0s Retries:2}",
            "STOPSIGNAL SIGTERM",
            "SHELL [/bin/bash -c]",
            "MAINTAINER me",
        ]
    );
    assert_eq!(config.run.on_build, ["RUN x"]);
    assert_eq!(config.run.cmd, ["/bin/sh", "-c", "echo hi"]);
}

#[test]
fn the_document_is_canonical_and_survives_reading() {
    let mut config = applied("ENV A=<&>\nENTRYPOINT [\"/a\"]\nCMD [\"b\"]\nHEALTHCHECK NONE\n");
    assert_eq!(config.workdir("a/../b", "1970-01-01T00:00:00Z").as_deref(), Some("/b"));
    let bytes = config.to_bytes();
    let text = String::from_utf8(bytes.clone()).unwrap();
    assert!(text.starts_with("{\"architecture\":\"amd64\",\"config\":{\"Env\":[\"PATH=/usr/local/sbin:"));
    assert!(text.contains("\"A=\\u003c\\u0026\\u003e\"") && text.contains("\"Healthcheck\":{\"Test\":[\"NONE\"]}"));
    assert!(text.ends_with("\"os\":\"linux\",\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[]}}"));
    let again = ImageConfig::from_json(&serde_json::from_slice(&bytes).unwrap());
    assert_eq!(again.to_bytes(), bytes);
}

#[test]
fn times_begin_with_the_epoch() {
    assert_eq!(rfc3339(0), "1970-01-01T00:00:00Z");
}
