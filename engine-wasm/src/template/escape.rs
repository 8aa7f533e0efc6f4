//! The escapers `html`, `js` and `urlquery` (`text/template/funcs.go`, `net/url`).

use crate::golang::printf::decode;
use crate::golang::quote::is_print;

/// `template.HTMLEscape`.
pub(super) fn html(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    for byte in text {
        match byte {
            0 => out.extend_from_slice("\u{fffd}".as_bytes()),
            b'"' => out.extend_from_slice(b"&#34;"),
            b'\'' => out.extend_from_slice(b"&#39;"),
            b'&' => out.extend_from_slice(b"&amp;"),
            b'<' => out.extend_from_slice(b"&lt;"),
            b'>' => out.extend_from_slice(b"&gt;"),
            byte => out.push(*byte),
        }
    }
    out
}

/// `template.JSEscape`.
pub(super) fn js(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut at = 0;
    while let Some(&byte) = text.get(at) {
        let mut used = 1;
        match byte {
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\'' => out.extend_from_slice(b"\\'"),
            b'"' => out.extend_from_slice(b"\\\""),
            b'<' | b'>' | b'&' | b'=' => out.extend_from_slice(format!("\\u{byte:04X}").as_bytes()),
            byte if byte < b' ' => out.extend_from_slice(format!("\\u{byte:04X}").as_bytes()),
            byte if byte < 0x80 => out.push(byte),
            _ => {
                let (c, size) = decode(&text[at..]);
                used = size;
                if is_print(c) {
                    out.extend_from_slice(&text[at..at + size]);
                } else {
                    out.extend_from_slice(format!("\\u{:04X}", u32::from(c)).as_bytes());
                }
            }
        }
        at += used;
    }
    out
}

/// `url.QueryEscape`.
pub(super) fn url_query(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    for &byte in text {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => out.push(byte),
            b' ' => out.push(b'+'),
            byte => out.extend_from_slice(format!("%{byte:02X}").as_bytes()),
        }
    }
    out
}
