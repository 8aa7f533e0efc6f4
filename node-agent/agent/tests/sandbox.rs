//! Nodes on a real kernel, as root, in network and mount namespaces of the test's own.

mod common;

use std::{io::Read, time::Instant};

use node_agent::sandbox::{Host, Node, Started};

fn run(host: &Host, node: &Node, script: &str) -> (Option<i32>, String) {
    let (mut command, _files) = host.command(node, &["sh".into(), "-c".into(), script.into()]).expect("a command");
    let output = command.stdin(std::process::Stdio::null()).output().expect("it runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    (output.status.code(), text)
}

#[test]
fn a_node_has_its_own_root_limits_and_network_and_leaves_nothing() {
    common::isolated(|settings| {
        let before = common::census();
        let host = Host::open(settings.clone()).expect("the host opens");
        let start = Instant::now();
        let Started { node, timings, .. } = host.create("session", "node1", &[]).expect("a node starts");
        eprintln!("created in {:?}: {timings:?}", start.elapsed());
        let (code, text) = run(
            &host,
            &node,
            "hostname; id -u; cat /proc/self/uid_map; cat /proc/1/comm; ip -4 -br addr show eth0; touch /root/x; stat -c %u /root/x /etc/passwd; df -h /var/lib/docker | tail -1",
        );
        eprintln!("{text}");
        assert_eq!(code, Some(0), "{text}");
        assert!(text.starts_with("node1\n0\n"), "{text}");
        assert!(text.contains(&node.address.to_string()), "{text}");

        let (code, text) = run(
            &host,
            &node,
            "set -e; cd /var/lib/docker; mkdir -p l u w m; mkdir -p l/bin; echo hi > l/f; mount -t overlay overlay -o lowerdir=l,upperdir=u,workdir=w,userxattr m; rm m/f; echo new > m/g; ls m; \
             unshare -p -f -m -n -u -i -C sh -c 'mount -t proc proc /proc && mount -t sysfs -o ro sysfs /sys && echo nested $$'; umount m; \
             for c in memory pids; do d=/sys/fs/cgroup/$c back=; [ -d $d ] || { d=/sys/fs/cgroup; back=$(sed -n s/^0:://p /proc/self/cgroup); }; mkdir $d/t; echo $$ > $d/t/cgroup.procs; grep -q . $d/t/cgroup.procs; echo $$ > $d$back/cgroup.procs; rmdir $d/t; done; echo all good",
        );
        assert!(code == Some(0) && text.contains("nested 1") && text.contains("all good"), "{text}");

        let (_, mounts) = run(&host, &node, "cat /proc/mounts");
        let data = settings.data_dir.display().to_string();
        assert!(mounts.contains("overlay / overlay") && !mounts.contains(&data), "{data} in {mounts}");

        let start = Instant::now();
        let shell = host.terminal(&node).expect("a terminal");
        let mut master = std::fs::File::from(shell.master);
        let mut buffer = [0; 256];
        let got = master.read(&mut buffer).expect("a prompt");
        eprintln!("first prompt after {:?}: {:?}", start.elapsed(), String::from_utf8_lossy(&buffer[..got]));
        drop(master);

        let start = Instant::now();
        host.destroy(&node, &[]).expect("the node goes");
        eprintln!("destroyed in {:?}", start.elapsed());
        host.close().expect("the bridge goes");
        common::same(&before, &common::census());
    });
}
