//! A terminal without its PTY and without its sockets: who watches, what each has seen, which input has been taken, when
//! the PTY may be read. The owner reports what happens and asks what to do; no method waits, and none may be called twice
//! for one event except where it says so.

use std::collections::{HashMap, VecDeque};

use super::{
    frame::{Number, PageId, Size},
    ring::Ring,
};

/// Bytes of output kept for pages that come back.
pub const RING: usize = 2 * 1024 * 1024;
/// Unacknowledged bytes of output after which the PTY is no longer read.
pub const WINDOW: u64 = 256 * 1024;
/// The largest OUTPUT frame, bytes.
pub const CHUNK: usize = 64 * 1024;
/// How many pages' input counts are remembered; the one unheard for longest is forgotten first.
const PAGES: usize = 64;

/// One connection to this terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ViewerId(pub u64);

#[derive(Debug)]
struct Viewer {
    page: PageId,
    sent: Number,
    acked: Number,
    size: Option<Size>,
}

/// Input that starts after bytes which never came.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("input starts at byte {first}, but only {accepted} bytes have come: send the missing ones first")]
pub struct InputGap {
    /// Where the input started.
    pub first: Number,
    /// What had been accepted.
    pub accepted: Number,
}

/// A terminal's state.
#[derive(Debug)]
pub struct Core {
    ring: Ring,
    viewers: HashMap<ViewerId, Viewer>,
    /// Output numbers that a viewer has acknowledged, the highest of all times: beyond the ring nothing newer may be lost.
    seen: Number,
    accepted: HashMap<PageId, Number>,
    heard: VecDeque<PageId>,
    size: Size,
}

impl Core {
    /// A terminal of `size` that has said nothing yet.
    pub fn new(size: Size) -> Self {
        Self {
            ring: Ring::new(RING),
            viewers: HashMap::new(),
            seen: 0,
            accepted: HashMap::new(),
            heard: VecDeque::new(),
            size,
        }
    }

    /// The size now in force.
    pub fn size(&self) -> Size {
        self.size
    }

    /// Number that the next output byte will have.
    pub fn end(&self) -> Number {
        self.ring.end()
    }

    /// A connection said HELLO. Returns the number of the first output byte that it will get and how much of its page's
    /// input has been accepted. A second HELLO on one connection starts it anew.
    pub fn connect(
        &mut self,
        viewer: ViewerId,
        page: PageId,
        next: Option<Number>,
        size: Option<Size>,
    ) -> (Number, Number) {
        let next = next.unwrap_or(0).clamp(self.ring.start(), self.ring.end());
        self.viewers.insert(viewer, Viewer { page, sent: next, acked: next, size });
        (next, self.hear(page))
    }

    /// A connection is gone. Calling it for one that never said HELLO does nothing.
    pub fn disconnect(&mut self, viewer: ViewerId) {
        self.viewers.remove(&viewer);
    }

    fn hear(&mut self, page: PageId) -> Number {
        self.heard.retain(|other| *other != page);
        self.heard.push_back(page);
        if self.heard.len() > PAGES
            && let Some(forgotten) = self.heard.pop_front()
        {
            self.accepted.remove(&forgotten);
        }
        *self.accepted.entry(page).or_insert(0)
    }

    /// Takes typed bytes of the viewer's page. Returns those that are new, to be written to the PTY, and the number
    /// accepted after them. Bytes that came before (on a connection that broke) are left out, so each arrives once.
    ///
    /// # Errors
    /// [`InputGap`] when earlier bytes are missing; nothing is taken then.
    pub fn input<'a>(
        &mut self,
        viewer: ViewerId,
        first: Number,
        bytes: &'a [u8],
    ) -> Result<(&'a [u8], Number), InputGap> {
        let Some(page) = self.viewers.get(&viewer).map(|viewer| viewer.page) else {
            return Err(InputGap { first, accepted: 0 });
        };
        let accepted = self.hear(page);
        if first > accepted {
            return Err(InputGap { first, accepted });
        }
        let known = usize::try_from(accepted - first).unwrap_or(usize::MAX).min(bytes.len());
        let new = &bytes[known..];
        let accepted = accepted + new.len() as u64;
        self.accepted.insert(page, accepted);
        Ok((new, accepted))
    }

    /// A viewer's size has changed.
    pub fn resize(&mut self, viewer: ViewerId, size: Size) {
        if let Some(viewer) = self.viewers.get_mut(&viewer) {
            viewer.size = Some(size);
        }
    }

    /// Settles the size to the smallest of all viewers' sides. Returns it when that changes the size in force; then the
    /// PTY and every viewer have to be told. With no viewer the size stays.
    pub fn settle_size(&mut self) -> Option<Size> {
        let smallest = self
            .viewers
            .values()
            .filter_map(|viewer| viewer.size)
            .reduce(|a, b| Size { columns: a.columns.min(b.columns), rows: a.rows.min(b.rows) })?;
        (smallest != self.size).then(|| {
            self.size = smallest;
            smallest
        })
    }

    /// A viewer has parsed output up to `number`; a number never sent, or an older one, changes nothing.
    pub fn ack(&mut self, viewer: ViewerId, number: Number) {
        if let Some(viewer) = self.viewers.get_mut(&viewer)
            && number <= viewer.sent
        {
            viewer.acked = viewer.acked.max(number);
            self.seen = self.seen.max(viewer.acked);
        }
    }

    /// The PTY said something.
    pub fn output(&mut self, bytes: &[u8]) {
        self.ring.push(bytes);
    }

    /// The next bytes for a viewer, with the number of the first, if there are any and its window is open. They count as
    /// sent. A viewer that fell out of the ring goes on at its start: the number tells the page.
    pub fn next_output(&mut self, viewer: ViewerId) -> Option<(Number, Vec<u8>)> {
        let viewer = self.viewers.get_mut(&viewer)?;
        if viewer.sent < self.ring.start() {
            viewer.sent = self.ring.start();
            viewer.acked = viewer.acked.max(viewer.sent);
        }
        let open = usize::try_from(WINDOW.saturating_sub(viewer.sent - viewer.acked)).unwrap_or(CHUNK).min(CHUNK);
        let bytes = self.ring.copy(viewer.sent, open);
        if bytes.is_empty() {
            return None;
        }
        let first = viewer.sent;
        viewer.sent += bytes.len() as u64;
        Some((first, bytes))
    }

    /// How many bytes may be read from the PTY now. The viewer that is furthest sets the pace; with none, the program may
    /// fill the ring with what nobody has seen, and then waits: nothing is lost while the laptop is closed.
    pub fn may_read(&self) -> usize {
        let end = self.ring.end();
        let room = match self.viewers.values().map(|viewer| viewer.acked).max() {
            Some(acked) => WINDOW.saturating_sub(end - acked.min(end)),
            None => (self.ring.capacity() as u64).saturating_sub(end - self.seen),
        };
        usize::try_from(room).unwrap_or(CHUNK).min(CHUNK)
    }
}

#[cfg(test)]
#[path = "core_tests.rs"]
mod tests;
