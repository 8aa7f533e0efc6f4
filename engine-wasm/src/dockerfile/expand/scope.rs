//! Variables in the order in which they were last set; suggestions depend on that order.

use super::super::shell::Env;

/// An environment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scope {
    entries: Vec<(String, String)>,
}

impl Scope {
    /// A variable's value.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.entries.iter().rfind(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Sets a variable; it is the last one then.
    pub fn set(&mut self, name: &str, value: impl Into<String>) {
        self.entries.retain(|(key, _)| key != name);
        self.entries.push((name.to_owned(), value.into()));
    }

    /// Sets a variable where it stands; a new one comes last.
    pub fn set_in_place(&mut self, name: &str, value: impl Into<String>) {
        match self.entries.iter_mut().find(|(key, _)| key == name) {
            Some((_, old)) => *old = value.into(),
            None => self.entries.push((name.to_owned(), value.into())),
        }
    }

    /// The names in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().map(|(name, _)| name.as_str())
    }

    /// Names and values in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.entries.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

impl Env for Scope {
    fn get(&self, name: &str) -> Option<String> {
        self.get(name).map(str::to_owned)
    }
}
