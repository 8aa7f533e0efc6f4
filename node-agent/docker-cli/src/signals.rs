//! Signals while a container is attached: all of them go to the container (`--sig-proxy`), or the terminal is put in order before the command dies of one; a
//! changed window size becomes a resize call.

use crate::client::{Client, encode_path};
use crate::terminal;
use std::rc::Rc;
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// The signals that are passed on, with the names the engine knows. SIGCHLD, SIGPIPE, SIGURG and SIGWINCH stay here.
const PROXIED: [(i32, &str); 9] = [
    (1, "HUP"),
    (2, "INT"),
    (3, "QUIT"),
    (10, "USR1"),
    (12, "USR2"),
    (14, "ALRM"),
    (15, "TERM"),
    (18, "CONT"),
    (20, "TSTP"),
];

fn listen(number: i32) -> Option<Signal> {
    signal(SignalKind::from_raw(number)).ok()
}

/// Waits for signals and sends each to the container. Never returns.
pub(crate) async fn proxy(client: Rc<Client>, container: String) {
    let (sender, mut receiver) = tokio::sync::mpsc::channel(16);
    for (number, name) in PROXIED {
        let Some(mut signals) = listen(number) else {
            continue;
        };
        let sender = sender.clone();
        tokio::spawn(async move {
            while signals.recv().await.is_some() {
                if sender.send(name).await.is_err() {
                    break;
                }
            }
        });
    }
    while let Some(name) = receiver.recv().await {
        let path = format!("/containers/{}/kill?signal={name}", encode_path(&container));
        // A container that has just ended cannot be signalled any more; there is nobody to tell.
        let _ = client.post(&path, None).await;
    }
}

/// Waits for a signal that ends this command, puts the terminal in order and ends it. The signals are caught from the call
/// on, before the returned future is first polled, so that a terminal that turns raw afterwards is always restored.
pub(crate) fn restore_and_die() -> impl Future<Output = ()> {
    die_of(&[1, 2, 3, 15])
}

fn die_of(numbers: &[i32]) -> impl Future<Output = ()> + use<> {
    let caught: Vec<_> = numbers.iter().filter_map(|number| Some((*number, listen(*number)?))).collect();
    async move {
        let mut waits = Vec::new();
        for (number, mut signals) in caught {
            waits.push(tokio::spawn(async move {
                signals.recv().await;
                terminal::restore();
                crate::partial::discard();
                std::process::exit(128 + number);
            }));
        }
        for wait in waits {
            let _ = wait.await;
        }
    }
}

/// Ends this command when Ctrl-C or SIGTERM asks for it, from a thread of its own, so that reading from a terminal does not hold it
/// up: the terminal is put in order, and the exit code is docker's. Not for commands that pass signals on.
pub(crate) fn die_in_thread() {
    let (ready, listening) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        // Without an event loop signals do what they do by default.
        let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_io().build() else { return };
        runtime.block_on(async move {
            let dying = die_of(&[2, 15]);
            let _ = ready.send(());
            dying.await;
        });
    });
    // An error means that the thread gave up.
    let _ = listening.recv();
}

/// Tells the engine the terminal's size now (again a few times while the process is not there yet) and at every change. Never returns.
pub(crate) async fn follow_size(client: Rc<Client>, target: String) {
    let mut changes = listen(SignalKind::window_change().as_raw_value());
    if !resize(&client, &target).await {
        let mut done = false;
        for retry in 0..10u64 {
            tokio::time::sleep(Duration::from_millis((retry + 1) * 10)).await;
            done = resize(&client, &target).await;
            if done {
                break;
            }
        }
        if !done {
            crate::output::error("failed to resize tty, using default size");
        }
    }
    loop {
        match &mut changes {
            Some(signals) => {
                signals.recv().await;
            }
            None => std::future::pending().await,
        }
        resize(&client, &target).await;
    }
}

/// One resize call for `target` (`/containers/ID` or `/exec/ID`); true if the engine accepted it or there is no size to tell.
pub(crate) async fn resize(client: &Client, target: &str) -> bool {
    let [rows, columns] = terminal::size();
    resize_to(client, target, rows, columns).await
}

/// One resize call with a given size.
pub(crate) async fn resize_to(client: &Client, target: &str, rows: u16, columns: u16) -> bool {
    if rows == 0 && columns == 0 {
        return true;
    }
    client.post(&format!("{target}/resize?h={rows}&w={columns}"), None).await.is_ok()
}
