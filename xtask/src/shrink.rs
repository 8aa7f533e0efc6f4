//! Makes the engine's module small beyond what compilers do: panics without their texts, and a container that compresses better than gzip.

mod order;

use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result, anyhow, ensure};
use liblzma::stream::{LzmaOptions, MatchFinder, PRESET_EXTREME, Stream};
use liblzma::write::XzEncoder;
use walrus::{FunctionBuilder, FunctionId, FunctionKind, Module};

pub(crate) use order::ranked;

/// What every panic goes through. In a browser nobody hears what it would say, so that the trap alone does as well. Parts of mangled names.
const PANICS: [&str; 9] = [
    "9panicking5panic",
    "9panicking9panic_fmt",
    "9panicking18panic_bounds_check",
    "9panicking11panic_const",
    "slice5index16slice_index_fail",
    "3str16slice_error_fail",
    "6option13unwrap_failed",
    "6option13expect_failed",
    "6result13unwrap_failed",
];

/// Reads a module whose functions have their names, and leaves of the functions that panic nothing but the trap.
pub(crate) fn without_panics(wasm: &Path) -> Result<Module> {
    let mut module = Module::from_file(wasm).map_err(|error| anyhow!("reading {}: {error:#}", wasm.display()))?;
    let panics: Vec<FunctionId> = module
        .funcs
        .iter()
        .filter(|function| matches!(function.kind, FunctionKind::Local(_)))
        .filter(|function| function.name.as_ref().is_some_and(|name| PANICS.iter().any(|panic| name.contains(panic))))
        .map(walrus::Function::id)
        .collect();
    ensure!(
        panics.len() >= PANICS.len(),
        "only {} functions that panic were found: their names have changed",
        panics.len()
    );
    for id in panics {
        let kind = module.types.get(module.funcs.get(id).ty());
        let (params, results) = (kind.params().to_vec(), kind.results().to_vec());
        let args = params.iter().map(|param| module.locals.add(*param)).collect();
        let mut builder = FunctionBuilder::new(&mut module.types, &params, &results);
        builder.func_body().unreachable();
        module.funcs.get_mut(id).kind = FunctionKind::Local(builder.local_func(args));
    }
    Ok(module)
}

/// A module as the package has it: a `.lzma` file whose header tells the size, which `unpack.js` reads. How long a match has to be for the
/// search to end is tried: a longer one is not always better.
pub(crate) fn packed(wasm: &[u8]) -> Result<Vec<u8>> {
    let tried: Vec<_> = [64, 80, 112, 160, 200].iter().map(|nice| packed_by(wasm, *nice)).collect::<Result<_>>()?;
    tried.into_iter().min_by_key(Vec::len).context("nothing was tried")
}

fn packed_by(wasm: &[u8], nice: u32) -> Result<Vec<u8>> {
    let mut options = LzmaOptions::new_preset(9 | PRESET_EXTREME).context("setting LZMA up")?;
    // Code has no alignment that positions could tell of.
    options.literal_context_bits(4).literal_position_bits(0).position_bits(0);
    options.match_finder(MatchFinder::BinaryTree4).nice_len(nice).depth(4096);
    let stream = Stream::new_lzma_encoder(&options).context("setting LZMA up")?;
    let mut writer = XzEncoder::new_stream(Vec::new(), stream);
    writer.write_all(wasm).context("compressing the module")?;
    let mut packed = writer.finish().context("compressing the module")?;
    // The encoder does not know it beforehand and leaves it open.
    packed[5..13].copy_from_slice(&(wasm.len() as u64).to_le_bytes());
    Ok(packed)
}
