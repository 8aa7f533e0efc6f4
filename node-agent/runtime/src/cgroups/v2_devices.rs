//! Version 2 has no devices controller: a small BPF program attached to the group decides instead.

use std::fs::File;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::path::Path;

use oci_spec::runtime::{LinuxDeviceCgroup, LinuxDeviceType};

use super::v1::basic_devices;
use crate::error::{Context, Result};
use crate::sys;

const PROG_LOAD: u32 = 5;
const PROG_ATTACH: u32 = 8;
const PROG_TYPE_CGROUP_DEVICE: u64 = 15;
const ATTACH_TYPE_CGROUP_DEVICE: u64 = 6;
const ALLOW_MULTI: u64 = 2;

/// One eBPF instruction: opcode, registers, offset, immediate.
fn instruction(code: u8, dst: u8, src: u8, offset: i16, immediate: i32) -> u64 {
    u64::from(code)
        | u64::from(src << 4 | dst) << 8
        | u64::from(offset as u16) << 16
        | u64::from(immediate as u32) << 32
}

/// The program: the last matching rule decides, as with version 1's files; no match means no.
pub(crate) fn program(rules: &[LinuxDeviceCgroup]) -> Vec<u64> {
    // r2 = device type, r3 = access, r4 = major, r5 = minor, from struct bpf_cgroup_dev_ctx in r1.
    let mut code = vec![
        instruction(0x61, 2, 1, 0, 0),
        instruction(0x54, 2, 0, 0, 0xffff),
        instruction(0x61, 3, 1, 0, 0),
        instruction(0x74, 3, 0, 0, 16),
        instruction(0x61, 4, 1, 4, 0),
        instruction(0x61, 5, 1, 8, 0),
    ];
    let all: Vec<LinuxDeviceCgroup> = rules.iter().cloned().chain(basic_devices()).collect();
    for rule in all.iter().rev() {
        let access = rule.access().as_deref().filter(|a| !a.is_empty()).unwrap_or("rwm");
        let bits = access.chars().fold(0, |bits, c| {
            bits | match c {
                'm' => 1,
                'r' => 2,
                'w' => 4,
                _ => 0,
            }
        });
        // Each test that fails skips the rest of its rule; offsets are filled in once its length is known.
        let mut block = Vec::new();
        let differs = |register, value: i64| (0x55u8, register, value as i32);
        match rule.typ() {
            Some(LinuxDeviceType::B) => block.push(differs(2, 1)),
            Some(LinuxDeviceType::C | LinuxDeviceType::U) => block.push(differs(2, 2)),
            _ => {}
        }
        block.extend(rule.major().filter(|n| *n >= 0).map(|n| differs(4, n)));
        block.extend(rule.minor().filter(|n| *n >= 0).map(|n| differs(5, n)));
        let access_test = usize::from(bits != 7) * 3;
        let length = block.len() + access_test + 2;
        let matches_everything = block.is_empty() && access_test == 0;
        for (i, (op, register, value)) in block.iter().enumerate() {
            code.push(instruction(*op, *register, 0, (length - i - 1) as i16, *value));
        }
        if access_test != 0 {
            // An allowance covers only accesses wholly within it; a denial hits any that touches it.
            code.push(instruction(0xbc, 6, 3, 0, 0));
            code.push(instruction(0x54, 6, 0, 0, if rule.allow() { !bits & 7 } else { bits }));
            code.push(instruction(if rule.allow() { 0x55 } else { 0x15 }, 6, 0, 2, 0));
        }
        code.push(instruction(0xb7, 0, 0, 0, i32::from(rule.allow())));
        code.push(instruction(0x95, 0, 0, 0, 0));
        if matches_everything {
            // Earlier rules cannot decide any more, and the kernel refuses a program with instructions that nothing leads to.
            return code;
        }
    }
    code.push(instruction(0xb7, 0, 0, 0, 0));
    code.push(instruction(0x95, 0, 0, 0, 0));
    code
}

/// Loads the program and attaches it to the group at `path`.
pub(crate) fn attach(path: &Path, rules: &[LinuxDeviceCgroup]) -> Result<()> {
    let group = File::open(path).context(|| format!("open {}", path.display()))?;
    let code = program(rules);
    let mut load = [0u64; 16];
    load[0] = PROG_TYPE_CGROUP_DEVICE | (code.len() as u64) << 32;
    load[1] = code.as_ptr() as u64;
    load[2] = c"GPL".as_ptr() as u64;
    let fd =
        sys::bpf(PROG_LOAD, &mut load).context(|| "load the device filter (needs CAP_BPF or CAP_SYS_ADMIN)".into())?;
    // SAFETY: PROG_LOAD returned a new descriptor, which nobody else owns.
    let program = unsafe { OwnedFd::from_raw_fd(fd as i32) };
    let mut attach = [0u64; 16];
    attach[0] = group.as_raw_fd() as u64 | (program.as_raw_fd() as u64) << 32;
    attach[1] = ATTACH_TYPE_CGROUP_DEVICE | ALLOW_MULTI << 32;
    sys::bpf(PROG_ATTACH, &mut attach).context(|| format!("attach the device filter to {}", path.display())).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs the program as the kernel would, on one access.
    fn decide(code: &[u64], kind: u32, access: u32, major: u32, minor: u32) -> u64 {
        let context = [kind | access << 16, major, minor];
        let (mut r, mut pc) = ([0u64; 11], 0usize);
        loop {
            let word = code[pc];
            let (op, dst, src) = (word as u8, (word >> 8 & 15) as usize, (word >> 12 & 15) as usize);
            let (offset, imm) = ((word >> 16) as u16 as i16, (word >> 32) as u32 as i32);
            pc += 1;
            match op {
                0x61 => r[dst] = u64::from(context[offset as usize / 4]),
                0x54 => r[dst] = u64::from(r[dst] as u32 & imm as u32),
                0x74 => r[dst] = u64::from(r[dst] as u32 >> imm),
                0xbc => r[dst] = u64::from(r[src] as u32),
                0xb7 => r[dst] = imm as u64,
                0x55 if r[dst] != imm as i64 as u64 => pc += offset as usize,
                0x15 if r[dst] == imm as i64 as u64 => pc += offset as usize,
                0x55 | 0x15 => {}
                0x95 => return r[0],
                other => panic!("opcode {other:#x}"),
            }
        }
    }

    /// Which instructions anything leads to: the kernel refuses a program with others.
    fn reached(code: &[u64]) -> Vec<bool> {
        let mut reached = vec![false; code.len()];
        let mut open = vec![0];
        while let Some(pc) = open.pop() {
            if std::mem::replace(&mut reached[pc], true) {
                continue;
            }
            match code[pc] as u8 {
                0x95 => {}
                0x55 | 0x15 => open.extend([pc + 1, pc + 1 + (code[pc] >> 16) as u16 as usize]),
                _ => open.push(pc + 1),
            }
        }
        reached
    }

    #[test]
    fn a_rule_for_everything_ends_the_program_since_no_instruction_may_be_out_of_reach() {
        for rules in [
            r#"[{"allow":true,"access":"rwm"}]"#,
            r#"[{"allow":false,"access":"rwm"}]"#,
            r#"[{"allow":false},{"allow":true,"type":"a","major":-1,"minor":-1},{"allow":false,"type":"b","access":"w"}]"#,
            "[]",
        ] {
            let rules: Vec<LinuxDeviceCgroup> = serde_json::from_str(rules).unwrap();
            let code = program(&rules);
            assert!(reached(&code).iter().all(|reached| *reached), "{rules:?}");
            assert_eq!(code.last().map(|word| *word as u8), Some(0x95), "it ends by an exit");
        }
        let everything: Vec<LinuxDeviceCgroup> = serde_json::from_str(r#"[{"allow":true,"access":"rwm"}]"#).unwrap();
        assert_eq!(decide(&program(&everything), 1, 4, 8, 0), 1, "a privileged container writes to a disk");
    }

    #[test]
    fn the_last_matching_rule_decides() {
        let rules: Vec<LinuxDeviceCgroup> = serde_json::from_str(
            r#"[{"allow":false,"access":"rwm"},{"allow":true,"type":"c","major":10,"minor":229,"access":"rw"}]"#,
        )
        .unwrap();
        let code = program(&rules);
        let (block, character, read, write, mknod) = (1, 2, 2, 4, 1);
        assert_eq!(decide(&code, character, read | write, 1, 3), 1, "/dev/null");
        assert_eq!(decide(&code, block, read, 8, 0), 0, "a disk");
        assert_eq!(decide(&code, block, mknod, 8, 0), 1, "making a node is harmless");
        assert_eq!(decide(&code, character, read, 10, 229), 1, "fuse, as allowed");
        assert_eq!(decide(&code, character, read | write, 136, 7), 1, "a terminal");
    }
}
