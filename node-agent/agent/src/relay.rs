//! Runs inside a node and joins its standard streams to a unix socket there. The agent reaches a node's engine through it, since a
//! path in a node, where the student may put any link, must be walked by a process of the node.

use std::{
    ffi::OsString,
    io::{self, Read, Write},
    net::Shutdown,
    os::unix::net::UnixStream,
    process::ExitCode,
};

/// Entry point; the one argument is the socket's path.
pub fn main(args: Vec<OsString>) -> ExitCode {
    let [path] = args.as_slice() else {
        eprintln!("Usage: node-agent relay SOCKET");
        return ExitCode::from(2);
    };
    match relay(path) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("node-agent relay: {}: {error}", path.display());
            ExitCode::FAILURE
        }
    }
}

fn relay(path: &OsString) -> io::Result<()> {
    let socket = UnixStream::connect(path)?;
    let mut up = socket.try_clone()?;
    // Ends with the process: the answer's end is the relay's end.
    std::thread::spawn(move || {
        let copied = copy(&mut io::stdin(), &mut up);
        // The other side sees the end of the request either way.
        let _ = copied.and_then(|()| up.shutdown(Shutdown::Write));
    });
    copy(&mut &socket, &mut io::stdout())
}

fn copy(from: &mut impl Read, to: &mut impl Write) -> io::Result<()> {
    let mut buffer = vec![0; 64 << 10];
    loop {
        match from.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(read) => {
                to.write_all(&buffer[..read])?;
                to.flush()?;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}
