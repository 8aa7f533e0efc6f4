//! The order of a module's functions. A compressor finds what it has seen before by its distance, so functions that are alike stand together: that
//! saves three kilobytes of the engine's module. The order is told to `wasm-opt --reorder-functions-by-name` by a section of names.

use std::collections::HashMap;
use std::ops::Range;

use anyhow::{Context, Result, ensure};

/// So many bytes in a row are compared.
const GRAM: usize = 5;
/// What more functions have in common than this says nothing of two of them.
const COMMON: usize = 60;

/// The module with names for its functions: their ranks.
pub(crate) fn ranked(wasm: &[u8]) -> Result<Vec<u8>> {
    let (imports, bodies) = functions(wasm)?;
    ensure!(!bodies.is_empty(), "the module has no functions");
    let mut ranks = vec![0; bodies.len()];
    for (rank, at) in alike(wasm, &bodies).into_iter().enumerate() {
        ranks[at] = rank;
    }
    // Imports have names as well, which are not sorted by.
    let names = (0..imports).map(|i| format!("i{i}")).chain(ranks.iter().map(|rank| format!("{rank:06}")));
    let mut map = Vec::new();
    for (at, name) in names.enumerate() {
        write(&mut map, at);
        write(&mut map, name.len());
        map.extend_from_slice(name.as_bytes());
    }
    let mut count = Vec::new();
    write(&mut count, imports + bodies.len());
    // Subsection 1 of the section `name` (WebAssembly specification, "Name Section").
    let mut section = b"\x04name\x01".to_vec();
    write(&mut section, count.len() + map.len());
    section.extend(count);
    section.extend(map);
    let mut out = wasm.to_vec();
    out.push(0);
    write(&mut out, section.len());
    out.extend(section);
    Ok(out)
}

/// A chain from each function to the one of those left that has most in common with it, for its length.
fn alike(wasm: &[u8], bodies: &[Range<usize>]) -> Vec<usize> {
    let mut owners: HashMap<&[u8], Vec<usize>> = HashMap::new();
    for (at, body) in bodies.iter().enumerate() {
        for gram in wasm[body.clone()].windows(GRAM) {
            let owners = owners.entry(gram).or_default();
            if owners.last() != Some(&at) {
                owners.push(at);
            }
        }
    }
    owners.retain(|_, owners| (2..=COMMON).contains(&owners.len()));
    let mut grams: Vec<Vec<&[u8]>> = vec![Vec::new(); bodies.len()];
    for (gram, owners) in &owners {
        owners.iter().for_each(|at| grams[*at].push(gram));
    }
    let mut order = vec![0];
    let mut left: Vec<bool> = (0..bodies.len()).map(|at| at > 0).collect();
    let mut shared = vec![0_usize; bodies.len()];
    while order.len() < bodies.len() {
        shared.fill(0);
        for gram in order.last().map_or(&[][..], |last| &grams[*last]) {
            owners[gram].iter().for_each(|at| shared[*at] += 1);
        }
        let likeness = |at: usize| shared[at] as f64 / (bodies[at].len() as f64 + 20.0).sqrt();
        let free = (0..bodies.len()).filter(|at| left[*at]);
        // Of equals the first, so that the same module gives the same order.
        let Some(next) = free.max_by(|a, b| likeness(*a).total_cmp(&likeness(*b)).then(b.cmp(a))) else { break };
        left[next] = false;
        order.push(next);
    }
    order
}

/// How many functions are imported, and where the bodies of the others lie.
fn functions(wasm: &[u8]) -> Result<(usize, Vec<Range<usize>>)> {
    let (mut at, mut imports, mut bodies) = (8, 0, Vec::new());
    while at < wasm.len() {
        let kind = wasm[at];
        at += 1;
        let length = read(wasm, &mut at)?;
        let end = at + length;
        match kind {
            2 => {
                imports = read(wasm, &mut at)?;
                for _ in 0..imports {
                    for _ in 0..2 {
                        at += read(wasm, &mut at)?;
                    }
                    ensure!(wasm.get(at) == Some(&0), "the module imports something else than functions");
                    at += 1;
                    read(wasm, &mut at)?;
                }
            }
            10 => {
                for _ in 0..read(wasm, &mut at)? {
                    let length = read(wasm, &mut at)?;
                    bodies.push(at..at + length);
                    at += length;
                }
            }
            _ => {}
        }
        at = end;
    }
    ensure!(bodies.iter().all(|body| body.end <= wasm.len()), "the module is cut off");
    Ok((imports, bodies))
}

/// A number in LEB128.
fn read(wasm: &[u8], at: &mut usize) -> Result<usize> {
    let (mut number, mut shift) = (0, 0);
    loop {
        let byte = *wasm.get(*at).context("the module is cut off")?;
        *at += 1;
        ensure!(shift < 32, "a number of the module is too long");
        number |= usize::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Ok(number);
        }
        shift += 7;
    }
}

fn write(out: &mut Vec<u8>, mut number: usize) {
    while number >= 0x80 {
        out.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A module of functions with these bodies, and one import.
    fn module(bodies: &[&[u8]]) -> Vec<u8> {
        let mut code = vec![bodies.len() as u8];
        for body in bodies {
            code.push(body.len() as u8);
            code.extend_from_slice(body);
        }
        let mut wasm = b"\0asm\x01\0\0\0\x02\x07\x01\x01a\x01b\0\0\x0a".to_vec();
        write(&mut wasm, code.len());
        wasm.extend(code);
        wasm
    }

    #[test]
    fn functions_that_are_alike_stand_together() {
        let wasm = module(&[b"abcdefgh", b"01234567", b"abcdefXY", b"0123456Z"]);
        let (imports, bodies) = functions(&wasm).unwrap();
        assert_eq!((imports, bodies.len(), &wasm[bodies[1].clone()]), (1, 4, &b"01234567"[..]));
        assert_eq!(alike(&wasm, &bodies), [0, 2, 1, 3]);
        let ranked = ranked(&wasm).unwrap();
        assert!(ranked.starts_with(&wasm));
        let names = String::from_utf8_lossy(&ranked[wasm.len()..]).into_owned();
        let at = |name: &str| names.find(name).unwrap();
        assert!(at("000000") < at("000002") && at("000002") < at("000001") && at("000001") < at("000003"), "{names:?}");
    }

    #[test]
    fn what_is_cut_off_is_refused() {
        let wasm = module(&[b"abcdefgh"]);
        assert!(functions(&wasm[..wasm.len() - 1]).is_err());
    }
}
