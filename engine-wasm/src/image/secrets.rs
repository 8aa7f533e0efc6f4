//! Files that look like secrets: by their names and by how they begin. What a later layer removes is still in the archive for all to read,
//! so each finding says which layer has it.

/// How much of a file is looked at.
pub(super) const HEAD: usize = 4096;

/// How much of one that has PEM in that: keys stand behind chains of certificates.
pub(super) const PEM: usize = 64 << 10;

/// Whether a file has PEM at its beginning.
pub(super) fn has_pem(head: &[u8]) -> bool {
    contains(head, "-----BEGIN ")
}

/// Beyond this size a file is no credential.
const MOST: u64 = 1 << 20;

fn ends(path: &[u8], name: &str) -> bool {
    path.strip_suffix(name.as_bytes()).is_some_and(|rest| rest.is_empty() || rest.ends_with(b"/"))
}

/// Files by the end of their paths. `.env.example` and the like are no secrets.
const NAMES: &[(&str, &str)] = &[
    (".env", "environment file"),
    (".netrc", "netrc credentials"),
    ("_netrc", "netrc credentials"),
    (".git-credentials", "git credentials"),
    (".pgpass", "PostgreSQL passwords"),
    (".my.cnf", "MySQL credentials"),
    (".htpasswd", "password file of a web server"),
    (".vault-token", "Vault token"),
    (".aws/credentials", "AWS credentials"),
    (".azure/accessTokens.json", "Azure tokens"),
    (".config/gcloud/credentials.db", "Google Cloud credentials"),
    (".config/gcloud/application_default_credentials.json", "Google Cloud credentials"),
    (".config/gh/hosts.yml", "GitHub token"),
    (".kube/config", "Kubernetes credentials"),
    (".cargo/credentials", "registry token"),
    (".cargo/credentials.toml", "registry token"),
    (".gem/credentials", "registry token"),
    (".terraform.d/credentials.tfrc.json", "Terraform token"),
    ("terraform.tfstate", "Terraform state"),
    ("id_rsa", "private SSH key"),
    ("id_dsa", "private SSH key"),
    ("id_ecdsa", "private SSH key"),
    ("id_ed25519", "private SSH key"),
    ("etc/ssh/ssh_host_rsa_key", "private SSH host key"),
    ("etc/ssh/ssh_host_ecdsa_key", "private SSH host key"),
    ("etc/ssh/ssh_host_ed25519_key", "private SSH host key"),
    ("wp-config.php", "WordPress configuration"),
    (".bash_history", "shell history"),
];

/// What a path alone says of a file. These need not be looked into.
pub fn by_path(path: &[u8]) -> Option<&'static str> {
    if let Some((_, what)) = NAMES.iter().find(|(name, _)| ends(path, name)) {
        return Some(what);
    }
    let name = path.rsplit(|b| *b == b'/').next().unwrap_or_default();
    if let Some(stage) = name.strip_prefix(b".env.") {
        let harmless = ["example", "sample", "template", "dist", "schema", "test", "defaults"];
        return (!harmless.iter().any(|word| stage.ends_with(word.as_bytes()))).then_some("environment file");
    }
    let keys = [".p12", ".pfx", ".jks", ".keystore", ".kdbx", ".ppk"];
    keys.iter().any(|end| name.ends_with(end.as_bytes()) && name.len() > end.len()).then_some("key store")
}

fn contains(head: &[u8], text: &str) -> bool {
    head.windows(text.len()).any(|window| window == text.as_bytes())
}

/// What a file's beginning says of it. Only text that is a credential by its form counts, not the mere word `password`.
pub(super) fn by_content(name: &[u8], head: &[u8], size: u64) -> Option<&'static str> {
    if size > MOST || head.len() < 16 || head.contains(&0) {
        return None;
    }
    if contains(head, "\"service_account\"") && contains(head, "\"private_key\"") {
        return Some("Google Cloud service account");
    }
    if has_pem(head) && private_key(head) {
        return Some("private key");
    }
    if name == b".npmrc" || name == b".yarnrc" || name == b".yarnrc.yml" {
        return ["_authToken", "_auth=", "_password", "npmAuthToken"]
            .iter()
            .any(|key| contains(head, key))
            .then_some("npm token");
    }
    if name == b".pypirc" {
        return contains(head, "password").then_some("PyPI password");
    }
    if name == b"config.json" || name == b".dockercfg" || name == b".dockerconfigjson" || name == b"auth.json" {
        return (contains(head, "\"auth\"") || contains(head, "\"identitytoken\"")).then_some("registry credentials");
    }
    TOKENS.iter().find(|(prefix, ..)| contains(head, prefix)).and_then(|_| token(head))
}

/// Whether there is a key with its content, in PEM, also within JSON; a program that knows the words for it has none.
fn private_key(head: &[u8]) -> bool {
    let text = String::from_utf8_lossy(head);
    // Keys that documentation shows are cut short by dots; code has quotes or markup behind the words.
    let encoded =
        |line: &str| line.len() >= 32 && line.bytes().all(|b| b.is_ascii_alphanumeric() || b"+/=".contains(&b));
    text.split("PRIVATE KEY-----").skip(1).any(|after| {
        let after = after.trim_start_matches("\\r").trim_start_matches("\\n").trim_start_matches(['\r', '\n']);
        let line = after.split(['\r', '\n', '\\']).next().unwrap_or_default();
        encoded(line.trim()) || line.starts_with("Proc-Type:") || line.starts_with("Version: ")
    })
}

/// Tokens that show by their beginning: prefix, characters that follow at least, what it is.
const TOKENS: &[(&str, usize, &str)] = &[
    ("AKIA", 16, "AWS access key"),
    ("ASIA", 16, "AWS access key"),
    ("ghp_", 36, "GitHub token"),
    ("gho_", 36, "GitHub token"),
    ("ghs_", 36, "GitHub token"),
    ("github_pat_", 59, "GitHub token"),
    ("glpat-", 20, "GitLab token"),
    ("xoxb-", 40, "Slack token"),
    ("xoxp-", 40, "Slack token"),
    ("npm_", 36, "npm token"),
    ("dckr_pat_", 27, "Docker Hub token"),
    ("sk_live_", 24, "Stripe key"),
    ("AIza", 35, "Google API key"),
];

fn token(head: &[u8]) -> Option<&'static str> {
    let text = String::from_utf8_lossy(head);
    let part = |b: &u8| b.is_ascii_alphanumeric() || *b == b'_' || *b == b'-';
    TOKENS.iter().find_map(|(prefix, length, what)| {
        text.match_indices(prefix).find_map(|(at, _)| {
            let before = text.as_bytes().get(at.wrapping_sub(1)).is_some_and(part);
            let rest = text.as_bytes().get(at + prefix.len()..).unwrap_or_default();
            let follows = rest.iter().take_while(|b| part(b)).count();
            // AWS's keys are capitals and digits of a fixed number.
            let aws = prefix.len() == 4 && prefix.ends_with("IA");
            let fits = if aws {
                follows == *length && rest[..follows].iter().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
            } else {
                follows >= *length && follows <= length + 60
            };
            (!before && fits && !text[at..].starts_with("AKIAIOSFODNN7EXAMPLE")).then_some(*what)
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_secrets_from_examples() {
        for path in ["app/.env", ".env.production", "root/.ssh/id_rsa", "root/.aws/credentials", "x/server.p12"] {
            assert!(by_path(path.as_bytes()).is_some(), "{path}");
        }
        for path in
            ["app/.env.example", "my.env", "root/.ssh/id_rsa.pub", "aws/credentials", ".p12", "usr/bin/env", "config"]
        {
            assert_eq!(by_path(path.as_bytes()), None, "{path}");
        }
    }

    #[test]
    fn contents_are_told_by_their_form() {
        let line = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7";
        let key = format!("-----BEGIN PRIVATE KEY-----\n{line}\n-----END PRIVATE KEY-----\n");
        let found = |name: &str, text: &str| by_content(name.as_bytes(), text.as_bytes(), text.len() as u64);
        assert_eq!(found("key.pem", &key), Some("private key"));
        assert_eq!(found("doc.md", "write -----BEGIN RSA PRIVATE KEY----- above it"), None);
        let json = serde_json::json!({"type": "service_account", "private_key": key});
        assert_eq!(found("sa.json", &json.to_string()), Some("Google Cloud service account"));
        assert_eq!(
            found("sa.json", &serde_json::to_string_pretty(&json).unwrap()),
            Some("Google Cloud service account")
        );
        assert_eq!(found("own.json", &serde_json::json!({"key": key}).to_string()), Some("private key"));
        let program = "const BEGIN: &str = \"-----BEGIN PRIVATE KEY-----\\n\"; // AKIA0123456789ABCDEF";
        assert_eq!(found("a.rs", program), Some("AWS access key"), "the words alone do not end the search");
        assert_eq!(found(".npmrc", "//registry.example/:_authToken=abcdef0123\n"), Some("npm token"));
        assert_eq!(found(".npmrc", "registry=https://registry.example/\n"), None);
        assert_eq!(found("config.json", r#"{"auths":{"r.example":{"auth":"dTpw"}}}"#), Some("registry credentials"));
        assert_eq!(found("config.json", r#"{"auths":{}, "credsStore": "x"}"#), None);
        assert_eq!(found("a.sh", "export KEY=AKIA0123456789ABCDEF\n"), Some("AWS access key"));
        assert_eq!(found("a.sh", "export KEY=AKIAIOSFODNN7EXAMPLE\n"), None);
        assert_eq!(found("a.sh", &format!("T=ghp_{}\n", "a1".repeat(18))), Some("GitHub token"));
        assert_eq!(found("a.sh", "see ghp_short and AIzaNot for it\n"), None);
        assert_eq!(found("a.bin", "AKIA0123456789ABCDEF\0 with a zero byte"), None);
    }
}
