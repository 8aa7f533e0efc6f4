//! Go's words for a host name that leads nowhere. The C library says only that there is no such name or that it does not know;
//! Go's resolver, which asks itself, names the server and what became of the question.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::path::Path;
use std::time::Duration;

use super::transport::words as of_io;

/// As long as a question is at least on its way when nobody answers it.
const UNANSWERED: Duration = Duration::from_secs(1);

/// What Go says of a look-up that failed with `error` after so long a time.
pub(crate) fn words(host: &str, error: &std::io::Error, took: Duration) -> String {
    let server = SocketAddr::new(nameserver(Path::new("/etc/resolv.conf")), 53);
    format!("lookup {host} on {server}: {}", why(server, error, took))
}

fn why(server: SocketAddr, error: &std::io::Error, took: Duration) -> String {
    let text = error.to_string();
    // The words of glibc and of musl for EAI_AGAIN.
    if !["Temporary failure", "Try again"].iter().any(|words| text.contains(words)) {
        return "no such host".to_owned();
    }
    // Connecting a datagram socket sends nothing; it tells whether there is a way.
    let any: SocketAddr = if server.is_ipv4() { ([0; 4], 0).into() } else { ([0; 16], 0).into() };
    let tried = UdpSocket::bind(any).and_then(|socket| {
        socket.connect(server)?;
        socket.local_addr()
    });
    match tried {
        Err(error) => format!("dial udp {server}: connect: {}", of_io(&error)),
        Ok(from) if took >= UNANSWERED => format!("read udp {from}->{server}: i/o timeout"),
        Ok(_) => "server misbehaving".to_owned(),
    }
}

/// The first server that the file names; where it names none, this machine is asked (resolv.conf(5)).
fn nameserver(file: &Path) -> IpAddr {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    let mut named = text.lines().filter_map(|line| {
        let mut words = line.split_whitespace();
        (words.next() == Some("nameserver")).then(|| words.next()?.split('%').next()?.parse().ok()).flatten()
    });
    named.next().unwrap_or(Ipv4Addr::LOCALHOST.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_look_up_names_the_server_and_what_became_of_the_question() {
        let server: SocketAddr = ([127, 0, 0, 1], 53).into();
        let error = |text: &str| std::io::Error::other(format!("failed to lookup address information: {text}"));
        let quick = Duration::from_millis(3);
        assert_eq!(why(server, &error("Name or service not known"), quick), "no such host");
        assert_eq!(why(server, &error("Name does not resolve"), quick), "no such host");
        for again in ["Temporary failure in name resolution", "Try again"] {
            assert_eq!(why(server, &error(again), quick), "server misbehaving");
            let late = why(server, &error(again), UNANSWERED);
            assert!(late.starts_with("read udp 127.0.0.1:") && late.ends_with("->127.0.0.1:53: i/o timeout"), "{late}");
        }
    }

    #[test]
    fn the_first_nameserver_is_the_one_that_is_named() {
        let dir = tempfile::tempdir().expect("a directory");
        let named = |text: &str| {
            let file = dir.path().join("resolv.conf");
            std::fs::write(&file, text).expect("a file");
            nameserver(&file).to_string()
        };
        assert_eq!(named("# nameserver 9.9.9.9\nsearch x\nnameserver 10.0.0.1\nnameserver 10.0.0.2\n"), "10.0.0.1");
        assert_eq!(named("nameserver fe80::1%eth0\n"), "fe80::1");
        assert_eq!(named("options timeout:2\n"), "127.0.0.1");
    }
}
