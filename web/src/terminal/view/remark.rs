//! Remarks for the person, as they stand between a program's lines in the terminal.

use crate::terminal::client::Notice;

/// The remark as a line of its own, in a colour of its own.
pub(super) fn remark(notice: &Notice) -> String {
    let text = match notice {
        Notice::Gap(missing) => {
            format!("{} of earlier output are no longer kept", amount(*missing))
        }
        Notice::Exit(0) => "the shell has ended: press Enter for a new one".to_owned(),
        Notice::Exit(code) => {
            format!("the shell has ended with code {code}: press Enter for a new one")
        }
        Notice::Fresh => "this is a new shell: the server has lost the former one".to_owned(),
        Notice::Error(sentence) => sentence.clone(),
        Notice::InputRefused(length) => {
            format!("{} were not pasted: the node has not taken the last input yet", amount(*length as u64))
        }
    };
    format!("\r\n\x1b[0;38;5;215m▸ {text}\x1b[0m\r\n")
}

fn amount(bytes: u64) -> String {
    match bytes {
        0..10_000 => format!("{bytes} bytes"),
        10_000..1_000_000 => format!("{} kB", bytes / 1000),
        _ => format!("{:.1} MB", bytes as f64 / 1e6),
    }
}
