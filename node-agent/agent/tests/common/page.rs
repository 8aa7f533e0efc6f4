//! A page's end of a terminal: the protocol's client side, with numbers checked.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use futures_util::{SinkExt, StreamExt};
use tokio::net::TcpStream;
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{Message, client::IntoClientRequest},
};

/// What the shell's line editor sends when it is ready for a line, whatever the prompt says: bracketed paste on.
pub const PROMPT: &str = "\u{1b}[?2004h";

/// How long anything may take.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A page's end of a terminal.
pub struct Page {
    pub socket: WebSocketStream<TcpStream>,
    client: [u8; 16],
    /// Number of the next output byte.
    pub next: u64,
    pub accepted: u64,
    pub screen: Vec<u8>,
    errors: Vec<String>,
    pub acknowledge: bool,
}

impl Page {
    pub async fn open(to: SocketAddr, id: &str, token: &str, client: [u8; 16], next: u64) -> Self {
        let mut asked =
            format!("ws://{to}/api/v1/sessions/{id}/nodes/node1/terminals/1").into_client_request().expect("a request");
        let headers = asked.headers_mut();
        headers.insert("authorization", format!("Bearer {token}").parse().expect("a header"));
        headers.insert("sec-websocket-protocol", "slipway.v1".parse().expect("a header"));
        let stream = TcpStream::connect(to).await.expect("a connection");
        let (socket, _) = client_async(asked, stream).await.expect("an upgrade");
        let mut page =
            Self { socket, client, next, accepted: 0, screen: Vec::new(), errors: Vec::new(), acknowledge: true };
        page.hello(next).await;
        page
    }

    pub async fn hello(&mut self, next: u64) {
        let frame = [&[0][..], &next.to_be_bytes(), &self.client, &[0, 80, 0, 24]].concat();
        self.send(frame).await;
        while self.step().await != Some(0x80) {}
    }

    pub async fn send(&mut self, frame: Vec<u8>) {
        self.socket.send(Message::Binary(frame.into())).await.expect("sent");
    }

    pub async fn input(&mut self, number: u64, text: &str) {
        self.send([&[1][..], &number.to_be_bytes(), text.as_bytes()].concat()).await;
    }

    /// Types what comes next.
    pub async fn type_in(&mut self, text: &str) {
        let number = self.accepted;
        self.accepted += text.len() as u64;
        self.input(number, text).await;
    }

    /// Takes one frame; its opcode.
    pub async fn step(&mut self) -> Option<u8> {
        let message = tokio::time::timeout(PATIENCE, self.socket.next()).await;
        let message =
            message.unwrap_or_else(|_| panic!("silence; the screen: {}", self.text())).expect("open").expect("a frame");
        let Message::Binary(frame) = message else { return None };
        let number = |from: usize| u64::from_be_bytes(frame[from..from + 8].try_into().expect("8 bytes"));
        match frame[0] {
            0x80 => (self.next, self.accepted) = (number(1), number(9)),
            0x81 => {
                assert_eq!(number(1), self.next, "output follows without gap or overlap");
                self.screen.extend_from_slice(&frame[9..]);
                self.next += frame.len() as u64 - 9;
                if self.acknowledge {
                    self.send([&[3][..], &self.next.to_be_bytes()].concat()).await;
                }
            }
            0x84 => self.errors.push(String::from_utf8_lossy(&frame[1..]).into_owned()),
            _ => {}
        }
        Some(frame[0])
    }

    pub async fn until(&mut self, text: &str) {
        let start = Instant::now();
        while !self.screen.windows(text.len()).any(|window| window == text.as_bytes()) {
            assert!(start.elapsed() < PATIENCE, "{text:?} does not come; the screen: {}", self.text());
            self.step().await;
        }
    }

    /// Takes frames until the server ends the connection.
    pub async fn until_closed(&mut self) {
        let closed = async { while let Some(Ok(_)) = self.socket.next().await {} };
        tokio::time::timeout(PATIENCE, closed).await.expect("the connection ends with its session");
    }

    pub async fn error(&mut self) -> String {
        while self.errors.is_empty() {
            self.step().await;
        }
        self.errors.remove(0)
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.screen[self.screen.len().saturating_sub(2000)..]).into_owned()
    }
}
