//! The page's side of a terminal connection as a state machine: events in, [`Action`]s out, no socket, no clock, no xterm.
//! It numbers input and keeps it until the server has it, so that a lost connection neither loses nor repeats a byte; it asks again for
//! exactly the output that is missing, and tells the server how much has been parsed, which is what keeps a flood from freezing the page.

mod action;

use std::collections::VecDeque;

use super::frame::{EVERYTHING, Event, Request, Size};
pub use action::{Action, Notice, Position, Status};

/// Output is acknowledged in steps of this many bytes, or when nothing more waits to be parsed. An eighth of the server's window.
const ACK_STEP: u64 = 32 * 1024;
/// Longest INPUT frame.
const INPUT_CHUNK: usize = 16 * 1024;
/// Input kept for a server that does not take it. A paste beyond it is refused as a whole.
const MAX_UNACKED: usize = 4 * 1024 * 1024;
/// Unacknowledged input and silence for this long mean that the connection is dead, although the browser has not noticed.
const SILENCE_MS: f64 = 15_000.0;
/// The same after a [`Client::probe`].
const PROBE_MS: f64 = 4_000.0;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// No connection: a wait, or a socket being opened.
    Down,
    /// HELLO sent.
    Greeting,
    /// WELCOME received.
    Live,
    /// EXIT received.
    Exited,
}

/// The state of one terminal's connection.
#[derive(Debug)]
pub struct Client {
    id: [u8; 16],
    size: Size,
    phase: Phase,
    /// A socket stands.
    open: bool,
    failures: u32,
    shell: u32,
    /// HELLO asks for a new shell after an exit, so that a count from the start is no surprise.
    renewing: bool,
    /// Number of the next output byte; unknown before the first WELCOME.
    next: Option<u64>,
    /// Output bytes parsed.
    parsed: u64,
    /// Output bytes that the server knows to be parsed.
    acked: u64,
    /// Replayed output is under way up to the moment when all that came is parsed.
    replaying: bool,
    /// Number of the first byte in `unacked`.
    input_base: u64,
    unacked: VecDeque<u8>,
    /// The server has refused something: HELLO asks how far input has come, and what was sent before it is not sent again.
    refused: Option<u64>,
    /// Until when a frame must come.
    deadline: Option<f64>,
}

impl Client {
    /// A terminal that can show `size`; `id` is random.
    #[must_use]
    pub fn new(id: [u8; 16], size: Size) -> Self {
        Client {
            id,
            size,
            phase: Phase::Down,
            open: false,
            failures: 0,
            shell: 0,
            renewing: false,
            next: None,
            parsed: 0,
            acked: 0,
            replaying: true,
            input_base: 0,
            unacked: VecDeque::new(),
            refused: None,
            deadline: None,
        }
    }

    /// Begin.
    pub fn start(&mut self) -> Vec<Action> {
        vec![Action::Status(Status::Connecting), Action::Connect { after: 0 }]
    }

    /// A socket is being opened.
    pub fn dialing(&mut self, now: f64) {
        self.deadline = Some(now + SILENCE_MS);
    }

    /// A connection stands.
    pub fn opened(&mut self, now: f64) -> Vec<Action> {
        self.open = true;
        self.phase = Phase::Greeting;
        self.deadline = Some(now + SILENCE_MS);
        vec![self.hello()]
    }

    /// The connection was closed, or could not be made.
    pub fn closed(&mut self) -> Vec<Action> {
        self.deadline = None;
        self.open = false;
        self.refused = None;
        if self.phase == Phase::Exited {
            // No reason to come back before Enter is pressed.
            return Vec::new();
        }
        self.phase = Phase::Down;
        let after = match self.failures {
            0 => 0,
            n => (250u32 << n.min(6)).min(10_000),
        };
        self.failures += 1;
        vec![Action::Status(Status::Reconnecting(self.failures)), Action::Connect { after }]
    }

    /// The browser says that the network is back: what connection there is may be dead without its knowing, and a new one costs little.
    pub fn online(&mut self) -> Vec<Action> {
        if self.phase == Phase::Exited {
            return Vec::new();
        }
        self.failures = 0;
        self.drop_and_connect()
    }

    /// The page is looked at again after a while: ask for a sign of life.
    pub fn probe(&mut self, now: f64) -> Vec<Action> {
        match self.phase {
            Phase::Live => {
                self.deadline = Some(now + PROBE_MS);
                // Input of no bytes changes nothing and is acknowledged all the same.
                let first = self.input_base + self.unacked.len() as u64;
                vec![Action::Send(Request::Input { first, bytes: &[] }.encode())]
            }
            Phase::Down => self.online(),
            Phase::Greeting | Phase::Exited => Vec::new(),
        }
    }

    /// To be called every second or so.
    pub fn tick(&mut self, now: f64) -> Vec<Action> {
        match self.deadline {
            Some(deadline) if now >= deadline => self.drop_and_connect(),
            _ => Vec::new(),
        }
    }

    fn drop_and_connect(&mut self) -> Vec<Action> {
        self.deadline = None;
        let mut actions = vec![Action::Disconnect];
        self.phase = Phase::Down;
        actions.extend(self.closed());
        actions
    }

    /// Keys, pastes, clicks on run blocks, and xterm's own answers.
    pub fn input(&mut self, bytes: &[u8], now: f64) -> Vec<Action> {
        if self.phase == Phase::Exited {
            return self.input_after_exit(bytes, now);
        }
        if self.unacked.len() + bytes.len() > MAX_UNACKED {
            return vec![Action::Notice(Notice::InputRefused(bytes.len()))];
        }
        let first = self.input_base + self.unacked.len() as u64;
        self.unacked.extend(bytes);
        if self.phase != Phase::Live {
            return Vec::new();
        }
        if self.deadline.is_none() {
            self.deadline = Some(now + SILENCE_MS);
        }
        input_frames(first, bytes)
    }

    /// Enter opens a new shell, on this connection or on a new one; other keys have nobody to go to.
    fn input_after_exit(&mut self, bytes: &[u8], now: f64) -> Vec<Action> {
        if !bytes.contains(&b'\r') {
            return Vec::new();
        }
        self.renewing = true;
        let mut actions = vec![Action::Status(Status::Connecting)];
        if self.open {
            actions.extend(self.opened(now));
        } else {
            self.phase = Phase::Down;
            actions.push(Action::Connect { after: 0 });
        }
        actions
    }

    /// The page can show another size.
    pub fn resize(&mut self, size: Size) -> Vec<Action> {
        if size.cols == 0 || size.rows == 0 || size == self.size {
            return Vec::new();
        }
        self.size = size;
        match self.phase {
            Phase::Live => vec![Action::Send(Request::Resize(size).encode())],
            _ => Vec::new(),
        }
    }

    /// Output up to there has been parsed.
    pub fn parsed(&mut self, upto: Position) -> Vec<Action> {
        if upto.shell != self.shell {
            return Vec::new();
        }
        self.parsed = self.parsed.max(upto.next);
        let idle = self.next == Some(self.parsed);
        if idle {
            self.replaying = false;
        }
        let fresh = self.parsed.saturating_sub(self.acked);
        if self.phase == Phase::Live && (fresh >= ACK_STEP || idle && fresh > 0) {
            self.acked = self.parsed;
            return vec![Action::Send(Request::Ack(self.parsed).encode())];
        }
        Vec::new()
    }

    /// A frame came.
    pub fn frame(&mut self, frame: &[u8], now: f64) -> Vec<Action> {
        let event = match Event::decode(frame) {
            Ok(event) => event,
            Err(error) => return vec![Action::Notice(Notice::Error(error.to_string()))],
        };
        let actions = match event {
            Event::Welcome { first, accepted } => self.welcome(first, accepted),
            Event::Output { first, bytes } => self.output(first, bytes),
            Event::InputAck(accepted) => {
                self.accept(accepted);
                Vec::new()
            }
            Event::Exit(code) => {
                self.phase = Phase::Exited;
                // They were typed for the shell that is gone.
                self.unacked.clear();
                vec![Action::Notice(Notice::Exit(code)), Action::Status(Status::Exited)]
            }
            Event::Error(sentence) => self.refusal(sentence),
            Event::Size(size) if size.cols > 0 && size.rows > 0 => vec![Action::Resize(size)],
            Event::Size(_) => Vec::new(),
        };
        self.deadline = (self.phase == Phase::Live && !self.unacked.is_empty()).then_some(now + SILENCE_MS);
        actions
    }

    fn welcome(&mut self, first: u64, accepted: u64) -> Vec<Action> {
        let mut actions = Vec::new();
        let wanted = self.next;
        let lost_shell = wanted.is_some_and(|next| first < next) || accepted < self.input_base;
        if lost_shell {
            // The server counts from the start again: another shell than the one that the waiting input was typed for.
            if !self.renewing {
                actions.push(Action::Notice(Notice::Fresh));
            }
            self.unacked.clear();
            self.input_base = accepted;
            self.shell += 1;
            self.parsed = first;
            self.acked = first;
        } else {
            self.accept(accepted);
            if let Some(end) = self.refused {
                let refused = usize::try_from(end.saturating_sub(self.input_base)).unwrap_or(usize::MAX);
                self.unacked.drain(..refused.min(self.unacked.len()));
            }
            let missing = first - wanted.unwrap_or(0);
            if missing > 0 {
                actions.push(Action::Notice(Notice::Gap(missing)));
            }
        }
        self.renewing = false;
        self.refused = None;
        self.next = Some(first);
        self.acked = self.acked.max(first);
        self.phase = Phase::Live;
        self.failures = 0;
        actions.push(Action::Status(Status::Connected));
        let waiting: Vec<u8> = self.unacked.iter().copied().collect();
        actions.extend(input_frames(self.input_base, &waiting));
        actions
    }

    /// Whatever was refused, input that is under way may have been; without knowing, all later input would come after a gap.
    fn refusal(&mut self, sentence: String) -> Vec<Action> {
        let mut actions = vec![Action::Notice(Notice::Error(sentence))];
        if self.phase == Phase::Live && !self.unacked.is_empty() {
            self.phase = Phase::Greeting;
            self.refused = Some(self.input_base + self.unacked.len() as u64);
            actions.push(self.hello());
        }
        actions
    }

    fn output(&mut self, first: u64, bytes: &[u8]) -> Vec<Action> {
        let next = self.next.unwrap_or(first);
        let end = first + bytes.len() as u64;
        if end <= next {
            return Vec::new();
        }
        let mut actions = Vec::new();
        let known = next.saturating_sub(first) as usize;
        if first > next {
            actions.push(Action::Notice(Notice::Gap(first - next)));
        }
        self.next = Some(end);
        actions.push(Action::Write {
            bytes: bytes[known..].to_vec(),
            upto: Position { shell: self.shell, next: end },
            replay: self.replaying,
        });
        actions
    }

    fn accept(&mut self, accepted: u64) {
        let done = accepted.saturating_sub(self.input_base);
        let done = usize::try_from(done).unwrap_or(usize::MAX);
        self.unacked.drain(..done.min(self.unacked.len()));
        self.input_base = self.input_base.max(accepted);
    }

    fn hello(&self) -> Action {
        Action::Send(
            Request::Hello { next: self.next.unwrap_or(EVERYTHING), client: self.id, size: self.size }.encode(),
        )
    }
}

fn input_frames(first: u64, bytes: &[u8]) -> Vec<Action> {
    let mut first = first;
    let mut frames = Vec::new();
    for chunk in bytes.chunks(INPUT_CHUNK) {
        let request = Request::Input { first, bytes: chunk };
        frames.push(Action::Send(request.encode()));
        first += chunk.len() as u64;
    }
    frames
}

#[cfg(test)]
mod tests;
