//! Which namespaces a container gets: new ones (clone flags) and existing ones to join by path. Planning is pure; joining is one `setns` each.

use std::fs::File;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use nix::sched::{CloneFlags, setns};
use oci_spec::runtime::{LinuxNamespace, LinuxNamespaceType as Type};

use crate::error::{Context, Error, Result};

/// The namespaces of a container, sorted into new and joined ones.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Plan {
    /// `CLONE_NEW*` bits of namespaces to make, all kinds.
    pub(crate) new: u64,
    /// Namespaces to join, the user namespace first: its capabilities are needed for the others.
    pub(crate) join: Vec<(Type, PathBuf)>,
}

impl Plan {
    /// Sorts `linux.namespaces`.
    pub(crate) fn new(namespaces: &[LinuxNamespace]) -> Result<Plan> {
        let mut plan = Plan::default();
        for namespace in namespaces {
            let kind = namespace.typ();
            if plan.has(kind) {
                return Err(Error::Spec(format!("namespace {kind} is listed twice in linux.namespaces: keep one")));
            }
            match namespace.path() {
                Some(path) if !path.as_os_str().is_empty() => plan.join.push((kind, path.clone())),
                _ => plan.new |= bit(kind),
            }
        }
        plan.join.sort_by_key(|(kind, _)| u8::from(*kind != Type::User));
        Ok(plan)
    }

    /// A new namespace of this kind is made.
    pub(crate) fn creates(&self, kind: Type) -> bool {
        self.new & bit(kind) != 0
    }

    /// The container has its own or a joined namespace of this kind, that is: not the caller's.
    pub(crate) fn has(&self, kind: Type) -> bool {
        self.creates(kind) || self.join.iter().any(|(k, _)| *k == kind)
    }

    /// The bits for clone3. The cgroup namespace is made later, by the init process itself, once it sits in its cgroup;
    /// the time namespace by the stage before it.
    pub(crate) fn clone_flags(&self) -> u64 {
        self.new & !bit(Type::Cgroup) & !bit(Type::Time)
    }

    /// Whether a process of its own must prepare namespaces before the init process is cloned.
    pub(crate) fn needs_stage(&self) -> bool {
        !self.join.is_empty() || self.creates(Type::Time)
    }

    /// Joins everything that is to be joined; a pid namespace takes effect for the next child.
    pub(crate) fn join_all(&self) -> Result<()> {
        self.join.iter().try_for_each(|(kind, path)| join(*kind, path))
    }
}

fn join(kind: Type, path: &Path) -> Result<()> {
    let what = || format!("join the {kind} namespace at {}", path.display());
    let file = File::open(path).context(what)?;
    let flag = CloneFlags::from_bits_truncate(bit(kind) as i32);
    setns(file.as_fd(), flag).context(what)
}

/// The namespace's `CLONE_NEW*` bit.
pub(crate) fn bit(kind: Type) -> u64 {
    kind as u32 as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn namespace(kind: Type, path: Option<&str>) -> LinuxNamespace {
        let mut n = LinuxNamespace::default();
        n.set_typ(kind).set_path(path.map(PathBuf::from));
        n
    }

    #[test]
    fn a_user_namespace_is_joined_before_the_others() {
        let plan = Plan::new(&[
            namespace(Type::Network, Some("/n")),
            namespace(Type::User, Some("/u")),
            namespace(Type::Pid, None),
        ])
        .unwrap();
        assert_eq!(plan.join[0].0, Type::User);
        assert!(plan.needs_stage());
        assert_eq!(plan.clone_flags(), libc::CLONE_NEWPID as u64);
    }

    #[test]
    fn an_empty_path_means_a_new_namespace_and_the_cgroup_one_waits() {
        let plan = Plan::new(&[namespace(Type::Cgroup, Some("")), namespace(Type::Mount, None)]).unwrap();
        assert!(plan.creates(Type::Cgroup) && !plan.needs_stage());
        assert_eq!(plan.clone_flags(), libc::CLONE_NEWNS as u64);
    }

    #[test]
    fn a_namespace_listed_twice_is_an_error() {
        assert!(Plan::new(&[namespace(Type::Pid, None), namespace(Type::Pid, Some("/p"))]).is_err());
    }
}
