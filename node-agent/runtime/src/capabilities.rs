//! The five capability sets of a container process: from the specification's names to the kernel's bit masks, and onto the process.

use std::collections::HashSet;

use oci_spec::runtime::{Capability, LinuxCapabilities};

use crate::error::{Context, Result};
use crate::sys;

/// Bit masks of the five sets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sets {
    pub(crate) bounding: u64,
    pub(crate) effective: u64,
    pub(crate) permitted: u64,
    pub(crate) inheritable: u64,
    pub(crate) ambient: u64,
}

impl Sets {
    /// The sets that `process.capabilities` asks for; an absent set is empty.
    pub(crate) fn plan(caps: &LinuxCapabilities) -> Sets {
        let mask = |set: &Option<HashSet<Capability>>| set.iter().flatten().fold(0, |m, c| m | 1 << number(*c));
        Sets {
            bounding: mask(caps.bounding()),
            effective: mask(caps.effective()),
            permitted: mask(caps.permitted()),
            inheritable: mask(caps.inheritable()),
            ambient: mask(caps.ambient()),
        }
    }

    /// What can be had at all when the runtime itself holds only `held`: nobody can give what he does not have.
    pub(crate) fn limited_to(self, held: u64) -> Sets {
        Sets {
            bounding: self.bounding & held,
            effective: self.effective & held,
            permitted: self.permitted & held,
            inheritable: self.inheritable & held,
            ambient: self.ambient & held,
        }
    }

    /// Drops from the bounding set whatever is not in it; needs CAP_SETPCAP, so it comes before the change of user.
    pub(crate) fn apply_bounding(&self) -> Result<()> {
        for cap in 0..=last() {
            if self.bounding & 1 << cap == 0 && sys::prctl(libc::PR_CAPBSET_READ, cap, 0).is_ok_and(|held| held == 1) {
                sys::prctl(libc::PR_CAPBSET_DROP, cap, 0)
                    .context(|| format!("drop capability {cap} from the bounding set"))?;
            }
        }
        Ok(())
    }

    /// Sets the other four; comes after the change of user.
    pub(crate) fn apply(&self) -> Result<()> {
        sys::capset(self.effective, self.permitted, self.inheritable).context(|| {
            format!("set capabilities (effective {:#x}, permitted {:#x})", self.effective, self.permitted)
        })?;
        sys::prctl(libc::PR_CAP_AMBIENT, libc::PR_CAP_AMBIENT_CLEAR_ALL as u64, 0)
            .context(|| "clear ambient capabilities".into())?;
        for cap in (0..=last()).filter(|cap| self.ambient & self.permitted & self.inheritable & 1 << cap != 0) {
            sys::prctl(libc::PR_CAP_AMBIENT, libc::PR_CAP_AMBIENT_RAISE as u64, cap)
                .context(|| format!("raise ambient capability {cap}"))?;
        }
        Ok(())
    }
}

/// CAP_CHECKPOINT_RESTORE; asking the bounding set about a number that the kernel does not know fails harmlessly.
const fn last() -> u64 {
    40
}

/// The kernel's number (`linux/capability.h`).
pub(crate) fn number(cap: Capability) -> u64 {
    ALL.iter().position(|c| *c == cap).unwrap_or(63) as u64
}

/// All capabilities in the kernel's order: the index is the number.
pub(crate) const ALL: [Capability; 41] = {
    use Capability::*;
    [
        Chown,
        DacOverride,
        DacReadSearch,
        Fowner,
        Fsetid,
        Kill,
        Setgid,
        Setuid,
        Setpcap,
        LinuxImmutable,
        NetBindService,
        NetBroadcast,
        NetAdmin,
        NetRaw,
        IpcLock,
        IpcOwner,
        SysModule,
        SysRawio,
        SysChroot,
        SysPtrace,
        SysPacct,
        SysAdmin,
        SysBoot,
        SysNice,
        SysResource,
        SysTime,
        SysTtyConfig,
        Mknod,
        Lease,
        AuditWrite,
        AuditControl,
        Setfcap,
        MacOverride,
        MacAdmin,
        Syslog,
        WakeAlarm,
        BlockSuspend,
        AuditRead,
        Perfmon,
        Bpf,
        CheckpointRestore,
    ]
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_the_kernels() {
        assert_eq!(number(Capability::Chown), 0);
        assert_eq!(number(Capability::SysAdmin), 21);
        assert_eq!(number(Capability::Setfcap), 31);
        assert_eq!(number(Capability::CheckpointRestore), 40);
    }

    #[test]
    fn dockers_default_set_is_the_mask_seen_in_every_container() {
        let set: HashSet<_> = crate::docker_default_capabilities().into_iter().collect();
        let mut caps = LinuxCapabilities::default();
        caps.set_bounding(Some(set)).set_effective(None).set_permitted(None).set_inheritable(None).set_ambient(None);
        let sets = Sets::plan(&caps);
        assert_eq!(sets.bounding, 0xa804_25fb);
        assert_eq!(sets.effective, 0);
        assert_eq!(sets.limited_to(!(1 << 27)).bounding, 0xa004_25fb);
    }
}
