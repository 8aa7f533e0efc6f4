//! The formatter: meaning is kept, and a second run changes nothing.

use engine_wasm::dockerfile::format::{Case, Options, format, same_meaning};
use engine_wasm::dockerfile::parse;

/// The first byte chooses options; the rest is a Dockerfile.
pub fn format_(data: &[u8]) {
    let Some((settings, data)) = data.split_first() else { return };
    let text = &*String::from_utf8_lossy(data);
    let mut options = Options::default();
    options.case = match settings & 3 {
        0 | 1 => Case::Upper,
        2 => Case::Lower,
        _ => Case::Keep,
    };
    options.indent = usize::from(settings >> 2 & 7);
    options.blank_lines = usize::from(settings >> 5 & 1);
    options.shell_indent = settings >> 6 & 1 == 1;
    match format(text, &options) {
        Err(errors) => assert_eq!(errors, parse(text).errors),
        Ok(formatted) => {
            if !options.shell_indent {
                assert!(same_meaning(&parse(text), &parse(&formatted)), "changed {text:?} into {formatted:?}");
            }
            assert_eq!(format(&formatted, &options).as_deref(), Ok(&*formatted), "from {text:?}");
        }
    }
}
