//! What JavaScript can call. The package's own scripts wrap it; nothing else should rely on these names.

use std::cell::{Cell, RefCell};
use std::io;
use std::rc::Rc;

use js_sys::{Function, Uint8Array};
use wasm_bindgen::prelude::*;

use super::image::{Opened, limits};
use super::{Failure, Kept};
use crate::image::{Outside, ReadAt};

/// Reads smaller than this are made from a piece of this size that is kept: an archive's headers stand close together.
const AHEAD: usize = 64 << 10;

#[wasm_bindgen]
extern "C" {
    /// Where bytes come from: an object with `size` and `read(offset, length)`.
    #[derive(Clone)]
    pub type Source;
    #[wasm_bindgen(method, getter, structural)]
    fn size(this: &Source) -> f64;
    #[wasm_bindgen(method, structural, catch)]
    fn read(this: &Source, offset: f64, length: f64) -> Result<Uint8Array, JsValue>;
}

#[derive(Clone)]
struct Reader {
    source: Source,
    size: u64,
    /// The piece that was read ahead, and where it begins.
    ahead: Rc<RefCell<(u64, Vec<u8>)>>,
    watching: Rc<Watching>,
}

/// Who is told of what is read while an archive is opened or loaded, where nothing else tells.
#[derive(Default)]
struct Watching {
    watch: RefCell<Option<Function>>,
    cancelled: Cell<bool>,
}

impl Reader {
    /// Opens an archive, or loads it, with progress, and says so when it was cancelled.
    fn watched<T>(
        source: Source,
        watch: &Function,
        work: impl FnOnce(Self) -> Result<T, Failure>,
    ) -> Result<T, JsValue> {
        let watching = Rc::new(Watching { watch: RefCell::new(Some(watch.clone())), cancelled: Cell::default() });
        let size = source.size().max(0.0) as u64;
        let reader = Self { source, size, ahead: Rc::default(), watching: Rc::clone(&watching) };
        let result = work(reader);
        watching.watch.replace(None);
        result.map_err(|failure| thrown(if watching.cancelled.get() { Failure::cancelled() } else { failure }))
    }

    fn fill(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        if let Some(watch) = &*self.watching.watch.borrow()
            && !watcher(watch)(offset.min(self.size), self.size)
        {
            self.watching.cancelled.set(true);
            return Err(io::Error::other("cancelled"));
        }
        let wanted = (buffer.len() as u64).min(self.size.saturating_sub(offset));
        let bytes = self.source.read(offset as f64, wanted as f64).map_err(|error| {
            let message = error.as_string().or_else(|| Some(String::from(js_sys::Error::from(error).message())));
            io::Error::other(message.unwrap_or_default())
        })?;
        let length = (bytes.length() as usize).min(buffer.len());
        bytes.subarray(0, length as u32).copy_to(&mut buffer[..length]);
        Ok(length)
    }
}

impl ReadAt for Reader {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.len() >= AHEAD {
            return self.fill(offset, buffer);
        }
        let (begin, piece) = &mut *self.ahead.borrow_mut();
        let inside = offset.checked_sub(*begin).and_then(|at| piece.get(usize::try_from(at).ok()?..));
        if inside.is_none_or(|rest| rest.len() < buffer.len()) {
            piece.resize(AHEAD, 0);
            *begin = offset;
            match self.fill(offset, piece) {
                Ok(length) => piece.truncate(length),
                Err(error) => {
                    piece.clear();
                    return Err(error);
                }
            }
        }
        let rest = offset.checked_sub(*begin).and_then(|at| piece.get(usize::try_from(at).ok()?..)).unwrap_or_default();
        let length = rest.len().min(buffer.len());
        buffer[..length].copy_from_slice(&rest[..length]);
        Ok(length)
    }
}

/// [`super::call`] with the text's bytes, which come in faster than a text does; a failure is thrown as its JSON text.
#[wasm_bindgen]
#[allow(unreachable_pub, reason = "exported to JavaScript")]
pub fn call(name: &str, args: &[u8]) -> Result<String, JsValue> {
    super::call(name, std::str::from_utf8(args).unwrap_or_default()).map_err(thrown)
}

/// An opened archive. The functions named `watch` get bytes done and bytes in all, and say whether to go on.
#[wasm_bindgen]
#[allow(unreachable_pub, reason = "exported to JavaScript")]
pub struct ImageHandle(Opened);

#[wasm_bindgen]
#[allow(unreachable_pub, reason = "exported to JavaScript")]
impl ImageHandle {
    #[wasm_bindgen(constructor)]
    pub fn new(source: Source, watch: &Function) -> Result<ImageHandle, JsValue> {
        Reader::watched(source, watch, Opened::open).map(Self)
    }

    pub fn call(&mut self, name: &str, args: &str, watch: &Function) -> Result<String, JsValue> {
        self.0.call(name, args, &mut watcher(watch)).map_err(thrown)
    }

    pub fn read(&mut self, args: &str, watch: &Function) -> Result<Vec<u8>, JsValue> {
        self.0.read_file(args, &mut watcher(watch)).map_err(thrown)
    }

    pub fn diff(&mut self, other: &mut ImageHandle, args: &str, watch: &Function) -> Result<String, JsValue> {
        self.0.diff(Some(&mut other.0), args, &mut watcher(watch)).map_err(thrown)
    }

    /// JSON: the layers that may be read outside.
    pub fn gzipped(&self) -> String {
        self.0.gzipped().to_string()
    }

    pub fn know(&mut self, path: &str, stored: f64, size: f64, digest: Option<String>, diff_id: &str) {
        self.0.know(path, stored as u64, size as u64, digest.as_deref(), diff_id);
    }

    #[wasm_bindgen(js_name = diffWithin)]
    pub fn diff_within(&mut self, args: &str, watch: &Function) -> Result<String, JsValue> {
        self.0.diff(None, args, &mut watcher(watch)).map_err(thrown)
    }
}

/// What looks at a layer that is read outside.
#[wasm_bindgen]
#[allow(unreachable_pub, reason = "exported to JavaScript")]
pub struct HashHandle(Outside);

#[wasm_bindgen]
#[allow(unreachable_pub, reason = "exported to JavaScript")]
impl HashHandle {
    #[wasm_bindgen(constructor)]
    pub fn new(tar: bool, size: Option<f64>) -> HashHandle {
        Self(Outside::new(&limits(), tar, size.map(|size| size as u64)))
    }

    /// Where to read on; nothing where something is wrong.
    pub fn feed(&mut self, bytes: &[u8], taken: f64) -> Option<f64> {
        self.0.feed(bytes, taken as u64).map(|at| at as f64)
    }

    pub fn finish(self, stored: f64) -> Option<String> {
        Some(self.0.finish(stored as u64)?.to_string())
    }
}

/// Images in memory.
#[wasm_bindgen]
#[derive(Default)]
#[allow(unreachable_pub, reason = "exported to JavaScript")]
pub struct StoreHandle(Kept);

#[wasm_bindgen]
#[allow(unreachable_pub, reason = "exported to JavaScript")]
impl StoreHandle {
    #[wasm_bindgen(constructor)]
    pub fn new() -> StoreHandle {
        Self::default()
    }

    pub fn call(&mut self, name: &str, args: &str) -> Result<String, JsValue> {
        self.0.call(name, args).map_err(thrown)
    }

    pub fn load(&mut self, source: Source, args: &str, watch: &Function) -> Result<String, JsValue> {
        Reader::watched(source, watch, |reader| self.0.load(reader, args))
    }

    pub fn save(&self, args: &str) -> Result<Vec<u8>, JsValue> {
        self.0.save(args).map_err(thrown)
    }

    pub fn add(&mut self, args: &str, content: Vec<u8>) -> Result<(), JsValue> {
        self.0.add(args, content).map_err(thrown)
    }
}

fn watcher(watch: &Function) -> impl FnMut(u64, u64) -> bool {
    // What a watcher throws stops the work, too.
    move |done, total| {
        watch
            .call2(&JsValue::NULL, &(done as f64).into(), &(total as f64).into())
            .is_ok_and(|answer| answer.is_truthy())
    }
}

#[allow(clippy::needless_pass_by_value, reason = "as map_err gives it")]
fn thrown(failure: Failure) -> JsValue {
    failure.to_json().to_string().into()
}
