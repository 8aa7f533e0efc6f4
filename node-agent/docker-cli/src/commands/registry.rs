//! `docker login`, `logout` and `push`.

use std::collections::BTreeMap;
use std::io::{BufRead as _, Read as _};

use super::Context;
use crate::client::{encode_path, query};
use crate::credentials::{AuthConfig, HUB, hostname, key_of};
use crate::error::{CallError, Failure};
use crate::{output, pull, terminal};
use http::{HeaderMap, HeaderValue, Method};

const REGISTER: &str = "Log in with your Docker ID or email address to push and pull images from Docker Hub. If you don't have a Docker ID, head over to https://hub.docker.com/ to create one.";
const TOKENS: &str = "You can log in with your password or a Personal Access Token (PAT). Using a limited-scope PAT grants better security and is required for organizations using SSO. Learn more at https://docs.docker.com/go/access-tokens/";

/// The `X-Registry-Auth` for a registry's domain. Credentials that cannot be had are none, as with docker.
pub(crate) fn auth_headers(context: &Context, domain: &str) -> HeaderMap {
    let auth = context.credentials.get(key_of(domain)).unwrap_or_default();
    let mut headers = HeaderMap::new();
    if let Ok(mut value) = HeaderValue::from_str(&auth.header()) {
        value.set_sensitive(true);
        headers.insert("x-registry-auth", value);
    }
    headers
}

/// `docker push`.
pub(crate) async fn push(context: &Context) -> Result<u8, Failure> {
    let args = &context.args;
    let platform = args.text_or_empty("platform");
    if !platform.is_empty() {
        check_platform(platform)?;
        note(
            terminal::stdout_is_terminal(),
            false,
            "Using --platform pushes only the specified platform manifest of a multi-platform image index.\nOther components, like attestations, will not be included.\nTo push the complete multi-platform image, remove the --platform flag.\n",
        );
    }
    let image = pull::normalize(context.first()).map_err(Failure::new)?;
    let (all, quiet) = (args.switch("all-tags"), args.switch("quiet"));
    if all && !image.default_tag {
        return Err(Failure::new("tag can't be used with --all-tags/-a"));
    }
    if !all && image.default_tag && !quiet {
        output::line(&format!("Using default tag: {}", image.tag));
    }
    let tag = if all { "" } else { &image.tag };
    if tag.contains(':') {
        return Err(Failure::new("cannot push a digest reference"));
    }
    let platform = if platform.is_empty() { String::new() } else { super::inspect::platform(platform) };
    let path = format!(
        "/images/{}/push{}",
        encode_path(&image.familiar_name()),
        query(&[("platform", &platform), ("tag", tag)])
    );
    let headers = auth_headers(context, image.domain());
    let answer = context.client.send(Method::POST, &path, headers, crate::client::empty()).await?;
    let target = if quiet { pull::Target::Nowhere } else { pull::Target::Stdout };
    pull::show(answer.into_body(), target).await?;
    if quiet {
        output::line(&if all { image.name.clone() } else { image.full });
    }
    Ok(0)
}

/// Refuses a platform that is none, before anything is sent.
fn check_platform(text: &str) -> Result<(), Failure> {
    let plain = |part: &&str| {
        !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'))
    };
    let mut parts = text.split('/');
    let why = match parts.clone().find(|part| !plain(part)) {
        Some(bad) => format!(
            "{bad:?} is an invalid component of {text:?}: platform specifier component must match \"^[A-Za-z0-9_.-]+$\""
        ),
        None if parts.nth(3).is_some() => format!("{text:?}: cannot parse platform specifier"),
        None => return Ok(()),
    };
    // Docker sets nothing between the platform and what is wrong with it.
    Err(Failure::new(format!("Invalid platform {text}{why}: invalid argument")))
}

/// `docker logout`.
pub(crate) fn logout(context: &Context) -> Result<u8, Failure> {
    let (shown, servers) = match context.first() {
        "" => (HUB.to_owned(), vec![HUB.to_owned()]),
        address => {
            let host = hostname(address).to_owned();
            // Forms in which older versions kept them.
            let servers = vec![address.to_owned(), host.clone(), format!("http://{host}"), format!("https://{host}")];
            (host, servers)
        }
    };
    output::line(&format!("Removing login credentials for {shown}"));
    // By server, as docker counts them: one that is tried twice, in two forms that are the same, makes it keep quiet.
    let errors: BTreeMap<&String, String> =
        servers.iter().filter_map(|server| Some((server, context.credentials.erase(server).err()?))).collect();
    if errors.len() == servers.len() {
        output::error("WARNING: could not erase credentials:");
        errors.iter().for_each(|(server, error)| output::error(&format!("{server}: {error}")));
    }
    Ok(0)
}

/// `docker login`.
pub(crate) async fn login(context: &Context) -> Result<u8, Failure> {
    let args = &context.args;
    let (user, mut password) = (args.text_or_empty("username").to_owned(), args.text_or_empty("password").to_owned());
    check_flags(context, &user, &password)?;
    if !password.is_empty() {
        output::error("WARNING! Using --password via the CLI is insecure. Use --password-stdin.");
    }
    if args.switch("password-stdin") {
        if user.is_empty() {
            return Err(Failure::new("username is empty"));
        }
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).map_err(|e| Failure::new(e.to_string()))?;
        let line = text.strip_suffix('\n').unwrap_or(&text);
        password = line.strip_suffix('\r').unwrap_or(line).to_owned();
    }
    let server = match context.first() {
        "" | "docker.io" => HUB.to_owned(),
        HUB => HUB.to_owned(),
        address => hostname(address).to_owned(),
    };
    let mut known = AuthConfig { server_address: server.clone(), ..AuthConfig::default() };
    if user.is_empty() && password.is_empty() {
        // A helper that fails has nothing to offer.
        if let Ok(found) = context.credentials.get(&server) {
            known = AuthConfig { server_address: server, identity_token: String::new(), ..found };
        }
    }
    // Nothing is known where something was given.
    if !known.username.is_empty()
        && !known.password.is_empty()
        && let Some(status) = with_stored(context, &known).await?
    {
        output::line(&status);
        return Ok(0);
    }
    if (user.is_empty() || password.is_empty()) && !terminal::stdin_is_terminal() {
        return Err(Failure::new("Error: Cannot perform an interactive login from a non TTY device"));
    }
    let mut auth = ask(&user, &password, &known)?;
    let (status, token) = send(context, &auth).await?;
    if !token.is_empty() {
        auth.password.clear();
        auth.identity_token = token;
    }
    keep(context, &auth)?;
    output::line(&status);
    Ok(0)
}

fn check_flags(context: &Context, user: &str, password: &str) -> Result<(), Failure> {
    let args = &context.args;
    if args.changed("password-stdin") {
        if args.changed("password") {
            return Err(Failure::new("conflicting options: cannot specify both --password and --password-stdin"));
        }
        if !args.changed("username") {
            return Err(Failure::new("the --password-stdin option requires --username to be set"));
        }
    }
    if args.changed("username") && user.is_empty() {
        return Err(Failure::new("username is empty"));
    }
    if args.changed("password") && password.is_empty() {
        return Err(Failure::new("password is empty"));
    }
    Ok(())
}

/// Tries what is known; the status if it is good.
async fn with_stored(context: &Context, known: &AuthConfig) -> Result<Option<String>, Failure> {
    output::error(&format!("Authenticating with existing credentials... [Username: {}]", known.username));
    note(
        terminal::stderr_is_terminal(),
        true,
        "To login with a different account, run 'docker logout' followed by 'docker login'",
    );
    output::error_bytes(b"\n\n");
    let mut auth = known.clone();
    let answer = send(context, &auth).await;
    match &answer {
        Err(CallError::Engine { status: 401, .. }) => output::error("Stored credentials invalid or expired"),
        Err(e) => output::error(&format!("Login did not succeed, error: {e}")),
        Ok((_, token)) if !token.is_empty() => {
            auth.password.clear();
            auth.identity_token.clone_from(token);
        }
        Ok(_) => {}
    }
    keep(context, &auth)?;
    Ok(answer.ok().map(|(status, _)| status))
}

async fn send(context: &Context, auth: &AuthConfig) -> Result<(String, String), CallError> {
    let answer = context.client.post("/auth", Some(&serde_json::json!(auth))).await?;
    let text = |key: &str| answer[key].as_str().unwrap_or_default().to_owned();
    Ok((text("Status"), text("IdentityToken")))
}

fn keep(context: &Context, auth: &AuthConfig) -> Result<(), Failure> {
    let plain = context.credentials.store(auth).map_err(|e| Failure::new(format!("Error saving credentials: {e}")))?;
    if plain {
        output::error(&format!(
            "\nWARNING! Your credentials are stored unencrypted in '{}'.\nConfigure a credential helper to remove this warning. See\nhttps://docs.docker.com/go/credential-store/\n",
            context.credentials.file()
        ));
    }
    Ok(())
}

/// Asks for what was not given.
fn ask(user: &str, password: &str, known: &AuthConfig) -> Result<AuthConfig, Failure> {
    let hub = known.server_address == HUB;
    let mut user = user.trim().to_owned();
    if user.is_empty() {
        if hub {
            output::line(REGISTER);
            if !matches!(
                std::env::var("DOCKER_CLI_HINTS").as_deref(),
                Ok("0" | "f" | "F" | "false" | "FALSE" | "False")
            ) {
                output::print(&format!("{TOKENS}\n\n"));
            }
        }
        let default = known.username.trim();
        user = prompt(&if default.is_empty() { "Username: ".to_owned() } else { format!("Username ({default}): ") })?;
        if user.is_empty() {
            user = default.to_owned();
        }
        if user.is_empty() {
            return Err(Failure::new("Error: Non-null Username Required"));
        }
    }
    let mut password = password.trim().to_owned();
    if password.is_empty() {
        let _silent = terminal::Silent::enter();
        if hub {
            let terminal = terminal::stderr_is_terminal();
            let link = "https://app.docker.com/settings";
            note(
                terminal,
                true,
                &format!(
                    "A Personal Access Token (PAT) can be used instead.\nTo create a PAT, visit \x1b[4m{link}\x1b[0m\n\n"
                ),
            );
        }
        password = prompt("Password: ")?;
        output::print("\n");
        if password.is_empty() {
            return Err(Failure::new("Error: Password Required"));
        }
    }
    Ok(AuthConfig { username: user, password, server_address: known.server_address.clone(), ..AuthConfig::default() })
}

fn prompt(question: &str) -> Result<String, Failure> {
    output::print(question);
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line).map_err(|e| Failure::new(e.to_string()))?;
    Ok(line.trim().to_owned())
}

/// A note as docker sets it off from the rest.
fn note(terminal: bool, to_stderr: bool, text: &str) {
    let (header, width) = match terminal {
        true => ("\x1b[1m\x1b[106m\x1b[30mi\x1b[0m\x1b[0m \x1b[96mInfo → \x1b[0m\x1b[0m", 9),
        false => (" Info -> ", 9),
    };
    let mut shown = format!("\n{header}");
    for (number, line) in text.split('\n').enumerate() {
        if number > 0 {
            shown += &" ".repeat(width);
        }
        match terminal {
            true => shown += &format!("\x1b[3m{}\x1b[0m\n", line.replace("--platform", "\x1b[1m--platform\x1b[0m")),
            false => shown += &format!("{line}\n"),
        }
    }
    if to_stderr { output::error_bytes(shown.as_bytes()) } else { output::print(&shown) }
}
