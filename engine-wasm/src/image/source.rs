//! Where an image's bytes come from: something that can be read at any place (a file, a slice, a `Blob` in a Worker), and above it
//! a set of named files (an archive, or a directory with an OCI layout).

use std::io;

/// Bytes that can be read at any place.
pub trait ReadAt {
    /// How many there are.
    fn size(&self) -> u64;

    /// Fills as much of `buffer` as there is from `offset` on, at least one byte unless that is the end; says how much.
    ///
    /// # Errors
    /// Whatever the source has to report.
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize>;
}

impl ReadAt for [u8] {
    fn size(&self) -> u64 {
        self.len() as u64
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let rest = usize::try_from(offset).ok().and_then(|at| self.get(at..)).unwrap_or_default();
        let length = rest.len().min(buffer.len());
        buffer[..length].copy_from_slice(&rest[..length]);
        Ok(length)
    }
}

impl ReadAt for Vec<u8> {
    fn size(&self) -> u64 {
        self.as_slice().size()
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        self.as_slice().read_at(offset, buffer)
    }
}

impl<T: ReadAt + ?Sized> ReadAt for &T {
    fn size(&self) -> u64 {
        (**self).size()
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        (**self).read_at(offset, buffer)
    }
}

impl<T: ReadAt + ?Sized> ReadAt for Box<T> {
    fn size(&self) -> u64 {
        (**self).size()
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        (**self).read_at(offset, buffer)
    }
}

impl<T: ReadAt + ?Sized> ReadAt for std::rc::Rc<T> {
    fn size(&self) -> u64 {
        (**self).size()
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        (**self).read_at(offset, buffer)
    }
}

/// Named files that can be read at any place. Paths are relative, their parts divided by `/`.
pub trait Files {
    /// A file's size; `None` where there is no such file.
    fn size(&self, path: &str) -> Option<u64>;

    /// As [`ReadAt::read_at`], in the file `path`.
    ///
    /// # Errors
    /// Whatever the source has to report; `NotFound` for no such file.
    fn read_at(&self, path: &str, offset: u64, buffer: &mut [u8]) -> io::Result<usize>;

    /// Where a file begins in the source that this was opened from, where it lies there in one piece.
    fn offset(&self, _path: &str) -> Option<u64> {
        None
    }

    /// Every file's path, in order.
    fn paths(&self) -> Vec<String>;
}
