//! One terminal as a state machine without transport, clock or kernel: numbered output for several viewers with a window each,
//! input accepted exactly once per client, and a size that is the smallest of the viewers'.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;

use super::{frame::ClientId, ring::Ring};

/// Bytes of output kept for replay.
pub const RING: usize = 2 << 20;
/// Bytes of unacknowledged output after which the terminal is no longer read.
pub const WINDOW: u64 = 256 << 10;
/// Clients whose input counters are kept; the one longest unseen goes first.
const CLIENTS: usize = 64;

/// A connection, as the transport numbers them.
pub type ViewerId = u64;

/// Why the terminal refuses something; the text goes to the page.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// A frame before HELLO.
    #[error("send HELLO first")]
    NoHello,
    /// Input bytes are missing.
    #[error("input byte {expected} is next, this frame starts at {got}; send HELLO to learn the number")]
    Gap {
        /// The number wanted.
        expected: u64,
        /// The number that came.
        got: u64,
    },
    /// A size with a zero.
    #[error("a terminal of {cols} columns and {rows} rows cannot be; the size stays as it is")]
    Size {
        /// Columns asked for.
        cols: u16,
        /// Rows asked for.
        rows: u16,
    },
    /// An acknowledgement of what was not sent.
    #[error("output up to {sent} was sent, {got} cannot be acknowledged")]
    Ack {
        /// Number of the first byte not sent.
        sent: u64,
        /// What was acknowledged.
        got: u64,
    },
}

#[derive(Debug)]
struct Viewer {
    client: ClientId,
    sent: u64,
    acked: u64,
    size: Option<(u16, u16)>,
}

/// The terminal.
#[derive(Debug)]
pub struct Core {
    ring: Ring,
    window: u64,
    viewers: BTreeMap<ViewerId, Viewer>,
    accepted: VecDeque<(ClientId, u64)>,
}

impl Core {
    /// A terminal with no output and no viewers.
    pub fn new(ring: usize, window: u64) -> Self {
        Self { ring: Ring::new(ring), window, viewers: BTreeMap::new(), accepted: VecDeque::new() }
    }

    /// A viewer says HELLO, first or again: the number of the output byte it gets next, and how much of its client's input has
    /// been accepted. A size with a zero is no size.
    pub fn hello(&mut self, viewer: ViewerId, next: u64, client: ClientId, cols: u16, rows: u16) -> (u64, u64) {
        let start = self.ring.start();
        let next = if next == u64::MAX { start } else { next.clamp(start, self.ring.next()) };
        let size = (cols > 0 && rows > 0).then_some((cols, rows));
        self.viewers.insert(viewer, Viewer { client, sent: next, acked: next, size });
        (next, *self.counter(client))
    }

    /// A viewer has gone. May be called for one that never came.
    pub fn leave(&mut self, viewer: ViewerId) {
        self.viewers.remove(&viewer);
    }

    fn counter(&mut self, client: ClientId) -> &mut u64 {
        let entry = match self.accepted.iter().position(|(known, _)| *known == client) {
            Some(index) => self.accepted.remove(index).unwrap_or((client, 0)),
            None => (client, 0),
        };
        if self.accepted.len() >= CLIENTS {
            let viewers = &self.viewers;
            let idle =
                self.accepted.iter().position(|(known, _)| viewers.values().all(|viewer| viewer.client != *known));
            self.accepted.remove(idle.unwrap_or(0));
        }
        self.accepted.push_back(entry);
        let last = self.accepted.len() - 1;
        &mut self.accepted[last].1
    }

    /// Input from a viewer: the bytes not accepted before, and the number accepted with them.
    ///
    /// # Errors
    /// When the viewer has not said HELLO or bytes before these are missing.
    pub fn input(&mut self, viewer: ViewerId, number: u64, mut bytes: Bytes) -> Result<(Bytes, u64), Refusal> {
        let client = self.viewers.get(&viewer).ok_or(Refusal::NoHello)?.client;
        let accepted = self.counter(client);
        let Some(known) = accepted.checked_sub(number) else {
            return Err(Refusal::Gap { expected: *accepted, got: number });
        };
        let known = usize::try_from(known).unwrap_or(usize::MAX).min(bytes.len());
        let fresh = bytes.split_off(known);
        *accepted += fresh.len() as u64;
        Ok((fresh, *accepted))
    }

    /// A viewer has another size.
    ///
    /// # Errors
    /// When one of the numbers is 0 or the viewer has not said HELLO; then nothing changes.
    pub fn resize(&mut self, viewer: ViewerId, cols: u16, rows: u16) -> Result<(), Refusal> {
        if cols == 0 || rows == 0 {
            return Err(Refusal::Size { cols, rows });
        }
        self.viewers.get_mut(&viewer).ok_or(Refusal::NoHello)?.size = Some((cols, rows));
        Ok(())
    }

    /// The size in force: the fewest columns and the fewest rows that a viewer has.
    pub fn size(&self) -> Option<(u16, u16)> {
        let sizes = self.viewers.values().filter_map(|viewer| viewer.size);
        sizes.reduce(|one, other| (one.0.min(other.0), one.1.min(other.1)))
    }

    /// A viewer has parsed output up to `number`; an older number changes nothing.
    ///
    /// # Errors
    /// When it was not sent that much.
    pub fn ack(&mut self, viewer: ViewerId, number: u64) -> Result<(), Refusal> {
        let viewer = self.viewers.get_mut(&viewer).ok_or(Refusal::NoHello)?;
        if number > viewer.sent {
            return Err(Refusal::Ack { sent: viewer.sent, got: number });
        }
        viewer.acked = viewer.acked.max(number);
        Ok(())
    }

    /// The terminal gave output.
    pub fn output(&mut self, bytes: Bytes) {
        self.ring.push(bytes);
    }

    /// How many bytes may be read from the terminal now: what is left of the slowest viewer's window, and a whole window when
    /// nobody watches, so that programs run on.
    pub fn room(&self) -> u64 {
        let next = self.ring.next();
        let used = self.viewers.values().map(|viewer| next.saturating_sub(viewer.acked)).max().unwrap_or(0);
        self.window.saturating_sub(used)
    }

    /// Whether a viewer has been sent all there is.
    pub fn caught_up(&self, viewer: ViewerId) -> bool {
        self.viewers.get(&viewer).is_some_and(|viewer| viewer.sent >= self.ring.next())
    }

    /// The next output for a viewer, at most `most` bytes and no more than its window allows; it counts as sent.
    pub fn next_for(&mut self, viewer: ViewerId, most: usize) -> Option<(u64, Bytes)> {
        let viewer = self.viewers.get_mut(&viewer)?;
        let room = self.window.saturating_sub(viewer.sent.saturating_sub(viewer.acked));
        let most = most.min(usize::try_from(room).unwrap_or(usize::MAX));
        if most == 0 {
            return None;
        }
        let (number, bytes) = self.ring.read(viewer.sent, most);
        if bytes.is_empty() {
            return None;
        }
        viewer.sent = number + bytes.len() as u64;
        Some((number, bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: ClientId = [1; 16];
    const B: ClientId = [2; 16];

    fn text(bytes: &'static str) -> Bytes {
        Bytes::from_static(bytes.as_bytes())
    }

    #[test]
    fn input_sent_again_in_any_overlap_is_accepted_once() {
        let all = b"abcdefghij";
        for first_end in 0..=10usize {
            for second_start in 0..=first_end {
                for second_end in second_start..=10 {
                    let mut core = Core::new(100, 100);
                    core.hello(1, 0, A, 80, 24);
                    let (mut got, _) = core
                        .input(1, 0, Bytes::copy_from_slice(&all[..first_end]))
                        .map(|(b, n)| (b.to_vec(), n))
                        .expect("first");
                    core.leave(1);
                    let (_, accepted) = core.hello(2, 0, A, 80, 24);
                    assert_eq!(accepted, first_end as u64);
                    let (more, accepted) = core
                        .input(2, second_start as u64, Bytes::copy_from_slice(&all[second_start..second_end]))
                        .expect("second");
                    got.extend_from_slice(&more);
                    let end = first_end.max(second_end);
                    assert_eq!((&got[..], accepted), (&all[..end], end as u64));
                }
            }
        }
    }

    #[test]
    fn missing_input_is_refused_and_changes_nothing() {
        let mut core = Core::new(100, 100);
        assert_eq!(core.input(1, 0, text("x")), Err(Refusal::NoHello));
        core.hello(1, 0, A, 80, 24);
        assert_eq!(core.input(1, 3, text("x")), Err(Refusal::Gap { expected: 0, got: 3 }));
        assert_eq!(core.input(1, 0, text("ab")), Ok((text("ab"), 2)));
        assert_eq!(core.input(1, u64::MAX, text("x")), Err(Refusal::Gap { expected: 2, got: u64::MAX }));
    }

    #[test]
    fn two_pages_count_their_input_apart_and_an_idle_pages_count_goes_first() {
        let mut core = Core::new(100, 100);
        core.hello(1, 0, A, 80, 24);
        core.hello(2, 0, B, 80, 24);
        assert_eq!(core.input(1, 0, text("aaa")).expect("a").1, 3);
        assert_eq!(core.input(2, 0, text("b")).expect("b").1, 1);
        for n in 0..200u8 {
            let mut other = [9; 16];
            other[0] = n;
            core.hello(3, 0, other, 80, 24);
        }
        assert_eq!(core.hello(4, 0, A, 80, 24).1, 3);
        assert_eq!(core.accepted.len(), CLIENTS);
    }

    #[test]
    fn the_terminal_is_read_only_while_the_slowest_viewer_has_room() {
        let mut core = Core::new(1000, 10);
        core.output(text("0123456789abc"));
        assert_eq!(core.room(), 10, "nobody watches");
        core.hello(1, 13, A, 80, 24);
        core.hello(2, 13, B, 80, 24);
        core.output(text("0123456789"));
        assert_eq!(core.room(), 0);
        assert_eq!(core.next_for(1, 100), Some((13, text("0123456789"))));
        assert_eq!(core.next_for(2, 4), Some((13, text("0123"))));
        core.ack(1, 23).expect("sent");
        assert_eq!(core.room(), 0, "the second has acknowledged nothing");
        assert_eq!(core.ack(2, 18), Err(Refusal::Ack { sent: 17, got: 18 }));
        core.ack(2, 17).expect("sent");
        core.ack(2, 15).expect("an old number is no error");
        assert_eq!(core.room(), 4);
        core.leave(2);
        assert_eq!(core.room(), 10);
    }

    #[test]
    fn a_replay_longer_than_the_window_comes_in_windows() {
        let mut core = Core::new(100, 10);
        core.output(text("0123456789abcdefghijklmnop"));
        assert_eq!(core.hello(1, u64::MAX, A, 80, 24), (0, 0));
        assert_eq!(core.next_for(1, 100), Some((0, text("0123456789"))));
        assert_eq!(core.next_for(1, 100), None);
        core.ack(1, 5).expect("sent");
        assert_eq!(core.next_for(1, 100), Some((10, text("abcde"))));
    }

    #[test]
    fn a_page_that_comes_back_gets_exactly_what_it_missed_or_the_oldest_kept() {
        let mut core = Core::new(5, 100);
        core.output(text("0123456789"));
        assert_eq!(core.hello(1, 7, A, 80, 24).0, 7);
        assert_eq!(core.next_for(1, 100), Some((7, text("789"))));
        assert_eq!(core.hello(1, 2, A, 80, 24).0, 5, "the ring has moved on");
        assert_eq!(core.hello(1, 99, A, 80, 24).0, 10, "a number from another life");
    }

    #[test]
    fn the_size_is_the_smallest_of_all_and_zero_is_refused() {
        let mut core = Core::new(5, 100);
        assert_eq!(core.size(), None);
        core.hello(1, 0, A, 80, 50);
        core.hello(2, 0, B, 0, 0);
        assert_eq!(core.size(), Some((80, 50)), "a viewer without a size has no say");
        core.resize(2, 120, 24).expect("a size");
        assert_eq!(core.size(), Some((80, 24)));
        assert_eq!(core.resize(2, 0, 24), Err(Refusal::Size { cols: 0, rows: 24 }));
        assert_eq!(core.size(), Some((80, 24)));
        core.leave(1);
        assert_eq!(core.size(), Some((120, 24)));
    }
}
