//! Two namespaces joined through a bridge, on the real kernel. Runs in network namespaces of its own; needs root.

use std::{fs::File, net::UdpSocket, path::PathBuf, process::Command, time::Duration};

use nix::sched::{CloneFlags, unshare};
use slipway_runtime::net::{Attachment, Cidr, Error, attach, enter, run_in};

/// A thread that sits in a new network namespace until it is dropped.
struct Namespace {
    path: PathBuf,
    release: Option<std::sync::mpsc::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Namespace {
    fn new() -> Self {
        let (send_path, path) = std::sync::mpsc::channel();
        let (release, released) = std::sync::mpsc::channel::<()>();
        let thread = std::thread::spawn(move || {
            unshare(CloneFlags::CLONE_NEWNET).expect("a root test may make network namespaces");
            let path = format!("/proc/{}/task/{}/ns/net", std::process::id(), nix::unistd::gettid());
            send_path.send(PathBuf::from(path)).expect("the test waits for the path");
            let _ = released.recv();
        });
        let path = path.recv().expect("the thread sends its path");
        Self { path, release: Some(release), thread: Some(thread) }
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        drop(self.release.take());
        self.thread.take().map(std::thread::JoinHandle::join);
    }
}

fn root() -> bool {
    if nix::unistd::geteuid().is_root() {
        return true;
    }
    assert!(std::env::var_os("SLIPWAY_REQUIRE_ROOT_TESTS").is_none(), "these tests need root");
    eprintln!("SKIP: network device tests need root");
    false
}

fn cidr(text: &str) -> Cidr {
    text.parse().expect("a subnet")
}

#[test]
fn a_container_reaches_its_gateway_and_its_neighbour_and_leaves_no_device_behind() {
    if !root() {
        return;
    }
    let (host, one, two) = (Namespace::new(), Namespace::new(), Namespace::new());
    run_in(Some(&host.path), async |links| {
        links.set_up("lo").await?;
        links.ensure_bridge("testbr0", cidr("10.99.0.1/24"), 1400).await?;
        // A second time changes nothing and is no error.
        links.ensure_bridge("testbr0", cidr("10.99.0.1/24"), 1400).await
    })
    .expect("the bridge is made");
    let attachment = |namespace: &Namespace, number: u8| Attachment {
        namespace: namespace.path.clone(),
        bridge: "testbr0".to_owned(),
        host_device: format!("vethtest{number}"),
        device: "eth0".to_owned(),
        address: cidr(&format!("10.99.0.{number}/24")),
        gateway: "10.99.0.1".parse().expect("an address"),
        mtu: 1400,
    };
    enter(File::open(&host.path).expect("the namespace is alive"), || {
        attach(&attachment(&one, 2)).expect("the first is attached");
        attach(&attachment(&two, 3)).expect("the second is attached");
    })
    .expect("the host namespace is entered");

    let neighbour = enter(File::open(&two.path).expect("alive"), || UdpSocket::bind("10.99.0.3:7000"))
        .expect("entered")
        .expect("the neighbour has its address");
    neighbour.set_read_timeout(Some(Duration::from_secs(30))).expect("a timeout is set");
    let inside = enter(File::open(&one.path).expect("alive"), || {
        let socket = UdpSocket::bind("10.99.0.2:0").expect("the container has its address");
        socket.send_to(b"hello", "10.99.0.3:7000").expect("there is a way to the neighbour");
        [vec!["-o", "addr", "show", "eth0"], vec!["route", "show", "default"], vec!["link", "show", "eth0"]].map(
            |args| {
                let out = Command::new("ip").args(args).output().expect("ip runs");
                String::from_utf8_lossy(&out.stdout).into_owned()
            },
        )
    })
    .expect("the container namespace is entered");
    let mut greeting = [0; 16];
    let (length, from) = neighbour.recv_from(&mut greeting).expect("the greeting arrives");
    assert_eq!((&greeting[..length], from.ip().to_string().as_str()), (&b"hello"[..], "10.99.0.2"));
    assert!(inside[0].contains("10.99.0.2/24"), "{}", inside[0]);
    assert!(inside[1].contains("default via 10.99.0.1 dev eth0"), "{}", inside[1]);
    assert!(inside[2].contains("mtu 1400") && inside[2].contains("02:42:0a:63:00:02"), "{}", inside[2]);
    let uplink = run_in(Some(&one.path), async |links| links.uplink().await).expect("routes are listed");
    assert_eq!(uplink, Some(("eth0".to_owned(), 1400)));

    drop(one);
    run_in(Some(&host.path), async |links| {
        links.remove("vethtest3").await?;
        links.remove("vethtest3").await
    })
    .expect("a device goes, and going twice is no error");
    run_in(Some(&two.path), async |links| {
        assert!(!links.names().await?.contains(&"eth0".to_owned()));
        Ok(())
    })
    .expect("devices are listed");
}

#[test]
fn a_failed_attachment_names_its_step_and_leaves_nothing() {
    if !root() {
        return;
    }
    let (host, one) = (Namespace::new(), Namespace::new());
    run_in(Some(&host.path), async |links| links.ensure_bridge("testbr1", cidr("10.98.0.1/24"), 1500).await)
        .expect("the bridge is made");
    let attachment = Attachment {
        namespace: one.path.clone(),
        bridge: "testbr1".to_owned(),
        host_device: "vethbad".to_owned(),
        device: "eth0".to_owned(),
        address: cidr("10.98.0.2/24"),
        gateway: "192.168.77.1".parse().expect("an address"),
        mtu: 1500,
    };
    let error = enter(File::open(&host.path).expect("alive"), || attach(&attachment)).expect("entered");
    let text = error.expect_err("the gateway is on no network of the container").to_string();
    assert!(text.contains("default route through 192.168.77.1"), "{text}");
    let names = run_in(Some(&host.path), async |links| links.names().await).expect("listed");
    assert!(!names.contains(&"vethbad".to_owned()), "{names:?}");
    let gone = run_in(Some(&host.path), async |links| links.set_up("vethbad").await);
    assert!(matches!(gone, Err(Error::NoDevice(name)) if name == "vethbad"));
}
