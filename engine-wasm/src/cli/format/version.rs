//! `docker version`.

use super::engine::Template;
use super::typed::{Kind, Struct, client_fields};
use super::{Wrong, go_json, text};
use serde_json::Value;

/// What the client says of itself.
#[derive(Clone, Copy, Debug)]
pub struct Client<'a> {
    /// Version.
    pub version: &'a str,
    /// The API version in use.
    pub api: &'a str,
    /// The newest API version that it speaks.
    pub newest_api: &'a str,
    /// What it was built with.
    pub go: &'a str,
    /// The commit that it was built from.
    pub commit: &'a str,
    /// When it was built.
    pub built: &'a str,
    /// `amd64`.
    pub arch: &'a str,
}

/// The text of `docker version`; `server` is the answer of `GET /version`, where there was one.
///
/// # Errors
/// Go's text for a bad template.
pub fn show(format: &str, client: &Client<'_>, server: Option<&Value>) -> Result<String, Wrong> {
    if format.is_empty() {
        let mut out = pretty_client(client);
        if let Some(server) = server {
            out += &pretty_server(server);
        }
        return Ok(out);
    }
    let value = json!({
        "Client": {
            "Version": client.version,
            "ApiVersion": client.api,
            "DefaultAPIVersion": client.newest_api,
            "GitCommit": client.commit,
            "GoVersion": client.go,
            "Os": "linux",
            "Arch": client.arch,
            "BuildTime": client.built,
            "Context": "default",
        },
        "Server": server,
    });
    if format == "json" || format.replace(' ', "") == "{{json.}}" {
        return Ok(go_json(&value, false) + "\n");
    }
    let template = Template::parse("version", &text::unescape(format))
        .map_err(|e| Wrong::Template(format!("template parsing error: {e}")))?;
    template.render(&VERSIONS.see(&value)).map(|t| t + "\n").map_err(|e| Wrong::Field(e.to_string()))
}

static VERSIONS: Struct = Struct {
    name: "system.versionInfo",
    fields: &[("Client", "Client", Kind::Of(&CLIENT)), ("Server", "Server", Kind::To(&SERVER))],
};

static CLIENT: Struct = Struct {
    name: "system.clientVersion",
    fields: client_fields!(
        [
            ("Platform", "Platform", Kind::Pointer),
            ("Version", "Version", Kind::Text),
            ("APIVersion", "ApiVersion", Kind::Text),
            ("DefaultAPIVersion", "DefaultAPIVersion", Kind::Text)
        ],
        []
    ),
};

static SERVER: Struct = Struct {
    name: "*types.Version",
    fields: &[
        ("Platform", "Platform", Kind::Of(&PLATFORM)),
        ("Components", "Components", Kind::Many(&COMPONENT)),
        ("Version", "Version", Kind::Text),
        ("APIVersion", "ApiVersion", Kind::Text),
        ("MinAPIVersion", "MinAPIVersion", Kind::Text),
        ("GitCommit", "GitCommit", Kind::Text),
        ("GoVersion", "GoVersion", Kind::Text),
        ("Os", "Os", Kind::Text),
        ("Arch", "Arch", Kind::Text),
        ("KernelVersion", "KernelVersion", Kind::Text),
        ("Experimental", "Experimental", Kind::Bool),
        ("BuildTime", "BuildTime", Kind::Text),
    ],
};

static PLATFORM: Struct = Struct { name: "struct { Name string }", fields: &[("Name", "Name", Kind::Text)] };

static COMPONENT: Struct = Struct {
    name: "types.ComponentVersion",
    fields: &[("Name", "Name", Kind::Text), ("Version", "Version", Kind::Text), ("Details", "Details", Kind::Map)],
};

fn pretty_client(client: &Client<'_>) -> String {
    let downgraded = if client.api == client.newest_api {
        String::new()
    } else {
        format!(" (downgraded from {})", client.newest_api)
    };
    format!(
        "Client:\n Version:           {}\n API version:       {}{downgraded}\n Go version:        {}\n Git commit:        {}\n Built:             {}\n OS/Arch:           linux/{}\n Context:           default\n",
        client.version, client.api, client.go, client.commit, client.built, client.arch
    )
}

fn pretty_server(server: &Value) -> String {
    let of = |value: &Value, key: &str| value[key].as_str().unwrap_or_default().to_owned();
    let platform = of(&server["Platform"], "Name");
    let mut out = if platform.is_empty() { "\nServer:\n".to_owned() } else { format!("\nServer: {platform}\n") };
    let line = |name: &str, value: &str| format!("  {:<17} {value}\n", format!("{name}:"));
    for component in server["Components"].as_array().into_iter().flatten() {
        let details = &component["Details"];
        out += &format!(" {}:\n{}", of(component, "Name"), line("Version", &of(component, "Version")));
        if of(component, "Name") == "Engine" {
            out += &line(
                "API version",
                &format!("{} (minimum version {})", of(details, "ApiVersion"), of(details, "MinAPIVersion")),
            );
            for (name, key) in [("Go version", "GoVersion"), ("Git commit", "GitCommit"), ("Built", "BuildTime")] {
                let value = of(details, key);
                let value = if key == "BuildTime" { text::ansic(&value).unwrap_or(value) } else { value };
                out += &line(name, &value);
            }
            out += &line("OS/Arch", &format!("{}/{}", of(details, "Os"), of(details, "Arch")));
            out += &line("Experimental", &of(details, "Experimental"));
        } else {
            let mut keys: Vec<_> = details.as_object().into_iter().flatten().collect();
            crate::order::sort_by(&mut keys, |a, b| a.0.cmp(b.0));
            for (key, value) in keys {
                out += &line(key, value.as_str().unwrap_or_default());
            }
        }
    }
    out
}
