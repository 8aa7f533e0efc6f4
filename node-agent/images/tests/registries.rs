//! Against Debian's docker-registry: plain, with TLS, with a password; and what other tools make of what we push.

mod common;

use std::io::Write as _;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use common::image::{pull, pull_as, quick, run};
use common::{Tar, image, root_or_skip, skip, store};
use slipway_images::registry::{Credentials, Options, PushError, PushOptions, Registries, Trust};
use slipway_images::{Reference, Store};

/// `secret`, for janet.
const HTPASSWD: &str = "janet:$2b$05$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a\n";

/// A running docker-registry.
struct Registry {
    host: String,
    child: Child,
    dir: tempfile::TempDir,
}

impl Registry {
    /// With further configuration; nothing where it is not installed.
    fn start(http: &str, auth: impl FnOnce(&Path) -> String) -> Option<Self> {
        if !Path::new("/usr/bin/docker-registry").exists() {
            skip("docker-registry is not installed");
            return None;
        }
        let dir = tempfile::tempdir().unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let host = format!("127.0.0.1:{port}");
        let data = dir.path().join("data");
        let auth = auth(dir.path());
        let config = format!(
            "version: 0.1\nlog: {{level: error, accesslog: {{disabled: true}}}}\nstorage: {{filesystem: {{rootdirectory: {}}}}}\nhttp: {{addr: \"{host}\"{http}}}\n{auth}\n",
            data.display()
        );
        std::fs::write(dir.path().join("config.yml"), config).unwrap();
        let child = Command::new("docker-registry")
            .arg("serve")
            .arg(dir.path().join("config.yml"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let registry = Self { host, child, dir };
        let until = Instant::now() + Duration::from_secs(60);
        while TcpStream::connect(&registry.host).is_err() {
            assert!(Instant::now() < until, "docker-registry does not answer");
            std::thread::sleep(Duration::from_millis(20));
        }
        Some(registry)
    }

    fn plain() -> Option<Self> {
        Self::start("", |_| String::new())
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn push(
    registries: &Registries,
    store: &Arc<Store>,
    name: &str,
    who: &Credentials,
) -> (Result<(), PushError>, Vec<String>) {
    let options = PushOptions { reference: Reference::parse(name).unwrap(), credentials: who.clone(), platform: None };
    run(|tell| registries.push(Arc::clone(store), &options, tell))
}

fn nobody() -> Credentials {
    Credentials::default()
}

/// Three layers, one of them large enough for several pieces.
fn three_layers(store: &Store, name: &str) {
    let big: Vec<u8> = (0..600_000_u32).flat_map(|n| (n.wrapping_mul(2_654_435_761) >> 7).to_le_bytes()).collect();
    let tars = [
        Tar::new().dir("d/", 0o755).file("d/a", b"a").end(),
        Tar::new().file("big", &big).end(),
        Tar::new().file("d/.wh.a", b"").end(),
    ];
    let id = image(store, &tars, "pushed");
    store.tag(&Reference::parse(name).unwrap(), &id).unwrap();
}

fn digest_line(said: &[String]) -> String {
    said.iter().find_map(|line| Some(line.split_once("digest: ")?.1.split(' ').next()?.to_owned())).expect("a digest")
}

#[test]
fn what_is_pushed_is_pulled_with_the_same_digest_by_us_and_by_skopeo() {
    if !root_or_skip() {
        return;
    }
    let Some(registry) = Registry::plain() else { return };
    let (_dir, from) = store();
    let from = Arc::new(from);
    let name = format!("{}/team/tool:v1", registry.host);
    three_layers(&from, &name);
    let (result, said) = push(&quick(), &from, &name, &nobody());
    result.unwrap();
    assert_eq!(said[0], format!("The push refers to repository [{}/team/tool]", registry.host));
    assert_eq!(said.iter().filter(|line| line.ends_with(": Preparing")).count(), 3);
    assert_eq!(said.iter().filter(|line| line.ends_with(": Pushed")).count(), 3);
    let digest = digest_line(&said);
    assert!(said.last().unwrap().starts_with(&format!("v1: digest: {digest} size: ")));

    let (_dir, to) = store();
    let to = Arc::new(to);
    assert_eq!(pull(&quick(), &to, &name).0.unwrap().to_string(), digest);
    let (id, again) = (from.resolve(&name).unwrap(), to.resolve(&name).unwrap());
    assert_eq!(id, again);
    // A layer that was pulled keeps its blob: pushing it back sends nothing and gives the same manifest.
    let (result, said) = push(&quick(), &to, &name, &nobody());
    result.unwrap();
    assert_eq!(said.iter().filter(|line| line.ends_with(": Layer already exists")).count(), 3);
    assert_eq!(digest_line(&said), digest);
    // Under another name it is mounted.
    let other = format!("{}/other:x", registry.host);
    to.tag(&Reference::parse(&other).unwrap(), &again).unwrap();
    let (result, said) = push(&quick(), &to, &other, &nobody());
    result.unwrap();
    assert_eq!(said.iter().filter(|line| line.ends_with(": Mounted from team/tool")).count(), 3);
    assert_eq!(digest_line(&said), digest);

    let skopeo = Command::new("skopeo")
        .args(["inspect", "--tls-verify=false", "--format", "{{.Digest}} {{len .Layers}}"])
        .arg(format!("docker://{name}"))
        .output();
    match skopeo {
        Err(_) => skip("skopeo is not installed"),
        Ok(output) => {
            assert!(output.status.success(), "{output:?}");
            assert_eq!(String::from_utf8(output.stdout).unwrap().trim(), format!("{digest} 3"));
            let copy = registry.dir.path().join("copy");
            let status = Command::new("skopeo")
                .args(["copy", "--quiet", "--src-tls-verify=false", &format!("docker://{name}")])
                .arg(format!("dir:{}", copy.display()))
                .status()
                .unwrap();
            assert!(status.success(), "skopeo takes every blob with its digest");
        }
    }
}

#[test]
fn all_tags_are_pushed_and_pulled() {
    if !root_or_skip() {
        return;
    }
    let Some(registry) = Registry::plain() else { return };
    let (_dir, from) = store();
    let from = Arc::new(from);
    let repository = format!("{}/tool", registry.host);
    three_layers(&from, &format!("{repository}:a"));
    let id = from.resolve(&format!("{repository}:a")).unwrap();
    from.tag(&Reference::parse(&format!("{repository}:b")).unwrap(), &id).unwrap();
    let (result, said) = push(&quick(), &from, &repository, &nobody());
    result.unwrap();
    assert_eq!(said.iter().filter(|line| line.contains("digest: ")).count(), 2);
    let (_dir, to) = store();
    let to = Arc::new(to);
    let wanted = slipway_images::registry::Wanted {
        all_tags: true,
        ..slipway_images::registry::Wanted::new(Reference::parse(&repository).unwrap())
    };
    let registries = quick();
    run(|tell| registries.pull(Arc::clone(&to), &wanted, tell)).0.unwrap();
    assert_eq!(to.resolve(&format!("{repository}:a")), Ok(id));
    assert_eq!(to.resolve(&format!("{repository}:b")), Ok(id));
    let missing = |name: &str| push(&quick(), &from, name, &nobody()).0.unwrap_err().to_string();
    assert_eq!(missing(&format!("{repository}:none")), format!("tag does not exist: {repository}:none"));
    let none = format!("{}/none", registry.host);
    assert_eq!(missing(&format!("{none}:x")), format!("An image does not exist locally with the tag: {none}"));
}

#[test]
fn a_password_is_asked_for_and_sent() {
    if !root_or_skip() {
        return;
    }
    let auth = |dir: &Path| {
        std::fs::write(dir.join("htpasswd"), HTPASSWD).unwrap();
        format!("auth: {{htpasswd: {{realm: lab, path: {}}}}}", dir.join("htpasswd").display())
    };
    let Some(registry) = Registry::start("", auth) else { return };
    let name = format!("{}/tool:v1", registry.host);
    let janet = |password: &str| Credentials {
        username: "janet".into(),
        password: password.into(),
        server_address: registry.host.clone(),
        ..Credentials::default()
    };
    let (_dir, from) = store();
    let from = Arc::new(from);
    three_layers(&from, &name);
    let refused = push(&quick(), &from, &name, &nobody()).0.unwrap_err().to_string();
    assert_eq!(refused, "no basic auth credentials");
    let refused = push(&quick(), &from, &name, &janet("wrong")).0.unwrap_err().to_string();
    assert_eq!(refused, "unauthorized: authentication required");
    let refused = pull(&quick(), &from, &name).0.unwrap_err().to_string();
    let url = format!("http://{}/v2/tool/manifests/v1", registry.host);
    assert_eq!(refused, format!("Head \"{url}\": no basic auth credentials"));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let refused = runtime.block_on(quick().login(&janet("wrong"))).unwrap_err().to_string();
    let host = &registry.host;
    assert_eq!(refused, format!("login attempt to http://{host}/v2/ failed with status: 401 Unauthorized"));
    assert_eq!(runtime.block_on(quick().login(&janet("secret"))).unwrap().identity_token, "");
    push(&quick(), &from, &name, &janet("secret")).0.unwrap();
    let (_dir, to) = store();
    pull_as(&quick(), &Arc::new(to), &name, janet("secret")).0.unwrap();
}

/// A certificate authority and a certificate of it for 127.0.0.1, and one for a client.
fn certificates(dir: &Path) -> bool {
    let openssl = |args: &str| {
        let words: Vec<&str> = args.split(' ').collect();
        let ran = Command::new("openssl").args(words).current_dir(dir).stderr(Stdio::null()).status();
        ran.is_ok_and(|status| status.success())
    };
    let mut names = std::fs::File::create(dir.join("names")).unwrap();
    names.write_all(b"subjectAltName=IP:127.0.0.1\n").unwrap();
    std::fs::write(dir.join("client-names"), "extendedKeyUsage=clientAuth\n").unwrap();
    openssl(
        "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca.key -out ca.crt -days 2 -subj /CN=ca",
    ) && openssl("req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout s.key -out s.csr -subj /CN=s")
        && openssl("x509 -req -in s.csr -CA ca.crt -CAkey ca.key -CAcreateserial -out s.crt -days 2 -extfile names")
        && openssl("req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout c.key -out c.csr -subj /CN=c")
        && openssl(
            "x509 -req -in c.csr -CA ca.crt -CAkey ca.key -CAcreateserial -out c.cert -days 2 -extfile client-names",
        )
        && openssl(
            "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout own.key -out own.crt -days 2 -subj /CN=own -addext subjectAltName=IP:127.0.0.1",
        )
}

fn strict(certs_dir: PathBuf, extra_ca: Vec<PathBuf>) -> Registries {
    let trust = Trust { extra_ca, certs_dir, insecure: Vec::new() };
    Registries::new(Options { trust, ..Options::default() })
}

#[test]
fn tls_is_believed_by_its_certificates_only() {
    if !root_or_skip() {
        return;
    }
    let keys = tempfile::tempdir().unwrap();
    if !certificates(keys.path()) {
        return skip("openssl is not installed");
    }
    let file = |name: &str| keys.path().join(name);
    let tls = |certificate: &str, more: &str| {
        let (certificate, key) = (file(&format!("{certificate}.crt")), file(&format!("{certificate}.key")));
        format!(", tls: {{certificate: {}, key: {}{more}}}", certificate.display(), key.display())
    };
    let Some(registry) = Registry::start(&tls("s", ""), |_| String::new()) else { return };
    let name = format!("{}/tool:v1", registry.host);
    let (_dir, from) = store();
    let from = Arc::new(from);
    three_layers(&from, &name);
    let unknown = strict(keys.path().join("none"), Vec::new());
    let refused = push(&unknown, &from, &name, &nobody()).0.unwrap_err().to_string();
    let url = format!("https://{}/v2/", registry.host);
    let why = "tls: failed to verify certificate: x509: certificate signed by unknown authority";
    assert_eq!(refused, format!("Get \"{url}\": {why}"));
    // On this machine's loopback it need not be known.
    push(&quick(), &from, &name, &nobody()).0.unwrap();
    // By an authority of the engine's options, and by certs.d.
    let (_dir, to) = store();
    let to = Arc::new(to);
    pull(&strict(keys.path().join("none"), vec![file("ca.crt")]), &to, &name).0.unwrap();
    let certs_dir = keys.path().join("certs.d");
    let own = certs_dir.join(&registry.host);
    std::fs::create_dir_all(&own).unwrap();
    std::fs::copy(file("ca.crt"), own.join("ca.crt")).unwrap();
    pull(&strict(certs_dir.clone(), Vec::new()), &to, &name).0.unwrap();
    std::fs::copy(file("c.key"), own.join("client.key")).unwrap();
    let refused = pull(&strict(certs_dir, Vec::new()), &to, &name).0.unwrap_err().to_string();
    assert_eq!(refused, "missing client certificate client.cert for key client.key");

    // A registry that wants to know its clients.
    let wants = format!(", clientcas: [{}]", file("ca.crt").display());
    let Some(registry) = Registry::start(&tls("s", &wants), |_| String::new()) else { return };
    let name = format!("{}/tool:v1", registry.host);
    let id = from.resolve(&from.images()[0].tags[0].familiar_string()).unwrap();
    from.tag(&Reference::parse(&name).unwrap(), &id).unwrap();
    let certs_dir = keys.path().join("certs2.d");
    let own = certs_dir.join(&registry.host);
    std::fs::create_dir_all(&own).unwrap();
    std::fs::copy(file("ca.crt"), own.join("ca.crt")).unwrap();
    assert!(push(&strict(certs_dir.clone(), Vec::new()), &from, &name, &nobody()).0.is_err());
    std::fs::copy(file("c.key"), own.join("client.key")).unwrap();
    std::fs::copy(file("c.cert"), own.join("client.cert")).unwrap();
    push(&strict(certs_dir, Vec::new()), &from, &name, &nobody()).0.unwrap();

    // The self-signed certificate of a small registry, trusted itself.
    let Some(registry) = Registry::start(&tls("own", ""), |_| String::new()) else { return };
    let name = format!("{}/tool:v1", registry.host);
    from.tag(&Reference::parse(&name).unwrap(), &id).unwrap();
    push(&strict(keys.path().join("none"), vec![file("own.crt")]), &from, &name, &nobody()).0.unwrap();
}

#[test]
fn plain_http_is_spoken_only_where_that_is_allowed() {
    if !root_or_skip() {
        return;
    }
    let Some(registry) = Registry::plain() else { return };
    let (_dir, store) = store();
    let refused = pull(&strict("/nonexistent".into(), Vec::new()), &Arc::new(store), &format!("{}/x", registry.host));
    let url = format!("https://{}/v2/", registry.host);
    let error = refused.0.unwrap_err().to_string();
    assert_eq!(error, format!("Get \"{url}\": http: server gave HTTP response to HTTPS client"));
}

#[test]
fn a_name_is_looked_at_without_pulling_it() {
    if !root_or_skip() {
        return;
    }
    let Some(registry) = Registry::plain() else { return };
    let (_dir, from) = store();
    let from = Arc::new(from);
    let name = format!("{}/tool:v1", registry.host);
    three_layers(&from, &name);
    let digest = digest_line(&push(&quick(), &from, &name, &nobody()).1);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let found = runtime.block_on(quick().inspect(&Reference::parse(&name).unwrap(), &nobody())).unwrap();
    assert_eq!(found["Descriptor"]["digest"], digest.as_str());
    assert_eq!(found["Platforms"], serde_json::json!([{"architecture": "amd64", "os": "linux"}]));
}
