//! One WebSocket that watches a terminal: frames in, frames out, each direction in its own future so that a full one never holds
//! up the other.

use std::{future::Future, sync::Arc, time::Duration};

use axum::extract::ws::{CloseFrame, Message, WebSocket, close_code};
use bytes::Bytes;
use futures_util::{
    SinkExt, StreamExt,
    stream::{SplitSink, SplitStream},
};
use tokio::{sync::mpsc, time::Instant};

use super::{
    frame::{ClientFrame, ServerFrame},
    pump::{ShellState, Terminal},
};
use crate::sandbox::Shell;

/// How often a silent page is asked whether it is there.
const PING: Duration = Duration::from_secs(15);
/// After this long without any frame a page has gone; it must not hold up the others.
const SILENCE: Duration = Duration::from_secs(50);
/// How long a page may take to read that its terminal has been closed.
const FAREWELL: Duration = Duration::from_secs(1);
/// Output bytes in a frame at most.
const FRAME: usize = 64 << 10;

/// Serves one page until it goes. `open` starts a login shell in the terminal's node.
pub(crate) async fn view<F>(socket: WebSocket, terminal: Arc<Terminal>, open: impl Fn() -> F)
where
    F: Future<Output = Result<Shell, String>>,
{
    let viewer = terminal.new_viewer();
    let (sink, stream) = socket.split();
    let (replies, queue) = mpsc::unbounded_channel();
    tokio::select! {
        () = receive(stream, &terminal, viewer, &replies, open) => {}
        () = send(sink, &terminal, viewer, queue) => {}
        () = async {
            terminal.closed().await;
            tokio::time::sleep(FAREWELL).await;
        } => {}
    }
    terminal.lock().core.leave(viewer);
    terminal.touch();
}

async fn receive<F>(
    mut stream: SplitStream<WebSocket>,
    terminal: &Arc<Terminal>,
    viewer: u64,
    replies: &mpsc::UnboundedSender<ServerFrame>,
    open: impl Fn() -> F,
) where
    F: Future<Output = Result<Shell, String>>,
{
    let say = |frame| {
        // Without a sender the connection is ending.
        let _ = replies.send(frame);
    };
    loop {
        let message = match tokio::time::timeout(SILENCE, stream.next()).await {
            Ok(Some(Ok(message))) => message,
            _ => return,
        };
        let frame = match message {
            Message::Binary(bytes) => match ClientFrame::parse(&bytes) {
                Ok(frame) => frame,
                Err(error) => {
                    say(ServerFrame::Error(error.to_string()));
                    continue;
                }
            },
            Message::Text(_) => {
                say(ServerFrame::Error("a text frame: slipway.v1 has binary frames only".into()));
                continue;
            }
            Message::Close(_) => return,
            Message::Ping(_) | Message::Pong(_) => continue,
        };
        match frame {
            ClientFrame::Hello { next, client, cols, rows } => {
                if terminal.claim_start()
                    && let Err(text) = start(terminal, open()).await
                {
                    terminal.failed_start();
                    say(ServerFrame::Error(text));
                    continue;
                }
                // Under one lock, so that no output overtakes WELCOME.
                let mut state = terminal.lock();
                let (next, accepted) = state.core.hello(viewer, next, client, cols, rows);
                say(ServerFrame::Welcome { next, accepted });
                drop(state);
                terminal.touch();
            }
            ClientFrame::Input { number, bytes } => match accept(terminal, viewer, number, bytes) {
                Ok(accepted) => {
                    say(ServerFrame::InputAck(accepted));
                    terminal.wake_pump();
                }
                Err(text) => say(ServerFrame::Error(text)),
            },
            ClientFrame::Resize { cols, rows } => {
                let resized = terminal.lock().core.resize(viewer, cols, rows);
                match resized {
                    Ok(()) => terminal.wake_pump(),
                    Err(refusal) => say(ServerFrame::Error(refusal.to_string())),
                }
            }
            ClientFrame::Ack(number) => {
                let acked = terminal.lock().core.ack(viewer, number);
                match acked {
                    Ok(()) => terminal.touch(),
                    Err(refusal) => say(ServerFrame::Error(refusal.to_string())),
                }
            }
        }
    }
}

async fn start(terminal: &Arc<Terminal>, opened: impl Future<Output = Result<Shell, String>>) -> Result<(), String> {
    let shell = opened.await?;
    Arc::clone(terminal).run(shell).map_err(|error| format!("cannot use the new terminal: {error}; try again"))
}

fn accept(terminal: &Terminal, viewer: u64, number: u64, bytes: Bytes) -> Result<u64, String> {
    let mut state = terminal.lock();
    if !Terminal::has_room_for(&state, bytes.len()) {
        return Err("no program reads what is typed, and too much waits already; press Ctrl-C or wait".into());
    }
    let (fresh, accepted) = state.core.input(viewer, number, bytes).map_err(|refusal| refusal.to_string())?;
    // Between two shells there is nobody to type to: accepted and gone, as on a line that has hung up.
    if state.shell == ShellState::Running {
        Terminal::enqueue(&mut state, &fresh);
    }
    Ok(accepted)
}

async fn send(
    mut sink: SplitSink<WebSocket, Message>,
    terminal: &Terminal,
    viewer: u64,
    mut replies: mpsc::UnboundedReceiver<ServerFrame>,
) {
    let mut changes = terminal.subscribe();
    let mut told_size = None;
    let mut told_exit = false;
    let mut ping = tokio::time::interval_at(Instant::now() + PING, PING);
    let mut welcomed = false;
    loop {
        tokio::select! {
            biased;
            () = terminal.closed() => {
                let frame = CloseFrame { code: close_code::AWAY, reason: "the terminal's node has ended".into() };
                // A page that has gone needs no farewell.
                let _ = sink.send(Message::Close(Some(frame))).await;
                return;
            }
            reply = replies.recv() => {
                let Some(reply) = reply else { return };
                welcomed |= matches!(reply, ServerFrame::Welcome { .. });
                if sink.send(Message::Binary(reply.encode())).await.is_err() {
                    return;
                }
                // Everything queued goes before output.
                continue;
            }
            changed = changes.changed() => if changed.is_err() { return },
            _ = ping.tick() => if sink.send(Message::Ping(Bytes::new())).await.is_err() { return },
        }
        if !welcomed {
            continue;
        }
        loop {
            // Replies made meanwhile (a second WELCOME, an input's acknowledgement) keep their place before what follows them.
            while let Ok(reply) = replies.try_recv() {
                if sink.feed(Message::Binary(reply.encode())).await.is_err() {
                    return;
                }
            }
            let next = {
                let mut state = terminal.lock();
                if replies.is_empty() { state.core.next_for(viewer, FRAME) } else { continue }
            };
            let Some((number, bytes)) = next else { break };
            let frame = ServerFrame::Output { number, bytes };
            if sink.feed(Message::Binary(frame.encode())).await.is_err() {
                return;
            }
        }
        let (size, shell, caught_up) = {
            let state = terminal.lock();
            (state.core.size(), state.shell, state.core.caught_up(viewer))
        };
        if let Some((cols, rows)) = size.filter(|_| size != told_size) {
            told_size = size;
            if sink.feed(Message::Binary(ServerFrame::Size { cols, rows }.encode())).await.is_err() {
                return;
            }
        }
        match shell {
            ShellState::Ended(code) if !told_exit && caught_up => {
                told_exit = true;
                if sink.feed(Message::Binary(ServerFrame::Exit(code).encode())).await.is_err() {
                    return;
                }
            }
            ShellState::Running => told_exit = false,
            _ => {}
        }
        if sink.flush().await.is_err() {
            return;
        }
    }
}
