//! Rules about users, and about what `ENV` and `ARG` hold.

use std::collections::BTreeSet;

use super::{Ins, Sink};

pub(super) fn check(sink: &mut Sink<'_>, list: &[Ins<'_>]) {
    let mut root: Option<&Ins<'_>> = None;
    let mut args: BTreeSet<&str> = BTreeSet::new();
    let mut known: BTreeSet<String> = BTreeSet::new();
    let mut in_stage = false;
    for ins in list {
        match ins.name.as_str() {
            "FROM" => {
                root.take().into_iter().for_each(|ins| sink.add("DL3002", ins));
                in_stage = true;
            }
            "ARG" => {
                args.extend(ins.arg_names());
                known.extend(ins.arg_names().into_iter().map(str::to_owned));
            }
            "USER" => {
                let user = ins.first();
                let name = user.split(':').next().unwrap_or_default();
                let is_root = matches!(name, "root" | "0");
                root = is_root.then_some(ins).filter(|_| in_stage);
                let given =
                    args.iter().any(|arg| user.contains(&format!("${{{arg}}}")) || user.contains(&format!("${arg}")));
                if !name.chars().all(|c| c.is_ascii_digit()) && !given {
                    sink.add("DL3066", ins);
                }
            }
            "ENV" => {
                let pairs = ins.pairs();
                let referred = |index: usize, name: &str| {
                    pairs.iter().enumerate().any(|(other, (_, value, _))| other != index && refers(value, name))
                };
                let bad = pairs
                    .iter()
                    .enumerate()
                    .find(|(index, (name, ..))| !known.contains(name) && referred(*index, name));
                if let Some((_, (_, _, word))) = bad {
                    sink.add_at("DL3044", ins, word.span.clone(), None);
                }
                known.extend(pairs.into_iter().map(|(name, ..)| name));
            }
            _ => {}
        }
    }
    root.into_iter().for_each(|ins| sink.add("DL3002", ins));
}

/// Whether a value has `$name` or `${name}` in it.
fn refers(value: &str, name: &str) -> bool {
    let bare = format!("${name}");
    let ends = |rest: &str| !rest.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_');
    value.contains(&format!("${{{name}}}")) || value.match_indices(&bare).any(|(at, _)| ends(&value[at + bare.len()..]))
}

/// Names that are known to hold secrets, as hadolint lists them.
const SECRETS: &str = "ACCESS_TOKEN APPLICATION_KEY APP_SECRET AUTH_TOKEN AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY BITTREX_API_KEY \
    BITTREX_API_SECRET CF_PASSWORD CF_USERNAME CIRCLE_TOKEN CI_DEPLOY_PASSWORD CI_DEPLOY_USER DOCKERHUB_PASSWORD DOCKER_EMAIL \
    DOCKER_PASSWORD DOCKER_USERNAME FACEBOOK_ACCESS_TOKEN FACEBOOK_APP_ID FACEBOOK_APP_SECRET FIREBASE_API_TOKEN FIREBASE_TOKEN \
    FOSSA_API_KEY GH_ENTERPRISE_TOKEN GH_TOKEN GITHUB_ENTERPRISE_TOKEN GITHUB_TOKEN HEROKU_API_KEY HEROKU_API_USER NPM_AUTH_TOKEN \
    NPM_TOKEN OKTA_AUTHN_GROUPID OKTA_CLIENT_ORGURL OKTA_CLIENT_TOKEN OKTA_OAUTH2_CLIENTID OKTA_OAUTH2_CLIENTSECRET OPENAI_API_KEY \
    OS_PASSWORD OS_USERNAME POSTGRES_PASSWORD SLACK_TOKEN STRIPE_API_KEY STRIPE_DEVICE_NAME TRAVIS_OS_NAME TRAVIS_SECURE_ENV_VARS \
    TRAVIS_SUDO VAULT_CLIENT_KEY VAULT_TOKEN";

/// Parts of names that make one look like a secret's.
const SUSPICIOUS: [&str; 7] = ["api_key", "client_key", "password", "private", "secret", "token", "username"];

pub(super) fn secrets(sink: &mut Sink<'_>, list: &[Ins<'_>]) {
    let is_secret = |name: &str| {
        let (upper, lower) = (crate::golang::case::upper(name), crate::golang::case::lower(name));
        SECRETS.split(' ').any(|secret| secret == upper) || SUSPICIOUS.iter().any(|part| lower.contains(part))
    };
    for ins in list {
        let found = match ins.name.as_str() {
            "ARG" => ins.node.args.iter().zip(ins.arg_names()).find(|(_, name)| is_secret(name)).map(|(word, _)| word),
            "ENV" => ins.pairs().into_iter().find(|(name, ..)| is_secret(name)).map(|(_, _, word)| word),
            _ => None,
        };
        if let Some(word) = found {
            sink.add_at("DL3064", ins, word.span.clone(), None);
        }
    }
}
