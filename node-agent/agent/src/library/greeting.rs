//! The smallest program that prints a text: an ELF file (elf(5)) of one segment with two system calls, written here so that
//! hello-world needs no compiler.

/// Where the segment is loaded.
const ADDRESS: u64 = 0x40_0000;
const HEADERS: u64 = 64 + 56;

/// A static program for this machine that writes `text` to its standard output and ends with 0.
pub(super) fn program(text: &str) -> Vec<u8> {
    let length = text.len() as u32;
    let (machine, code) = if cfg!(target_arch = "aarch64") { (183, aarch64(length)) } else { (62, x86_64(length)) };
    let size = HEADERS + code.len() as u64 + text.len() as u64;
    let mut file = Vec::with_capacity(size as usize);
    // e_ident: 64 bits, little-endian, version 1, System V.
    file.extend([0x7f, b'E', b'L', b'F', 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    let mut halves = |values: &[u16]| values.iter().for_each(|value| file.extend(value.to_le_bytes()));
    // ET_EXEC
    halves(&[2, machine]);
    file.extend(1_u32.to_le_bytes());
    for value in [ADDRESS + HEADERS, 64, 0] {
        file.extend(value.to_le_bytes());
    }
    file.extend(0_u32.to_le_bytes());
    // The sizes of this header and of a program header, one of these, no sections.
    for value in [64_u16, 56, 1, 64, 0, 0] {
        file.extend(value.to_le_bytes());
    }
    // PT_LOAD, to be read and executed: the whole file.
    for value in [1_u32, 5] {
        file.extend(value.to_le_bytes());
    }
    for value in [0, ADDRESS, ADDRESS, size, size, 0x1000] {
        file.extend(value.to_le_bytes());
    }
    file.extend(code);
    file.extend(text.as_bytes());
    file
}

/// `write(1, text, length)`, `exit(0)`; the text follows the code.
fn x86_64(length: u32) -> Vec<u8> {
    let mut code = vec![0xb8, 1, 0, 0, 0, 0xbf, 1, 0, 0, 0, 0x48, 0x8d, 0x35];
    // lea rsi, [rip + what is left of the code from here]
    let rest = 5 + 2 + 5 + 2 + 2_u32;
    code.extend(rest.to_le_bytes());
    code.push(0xba);
    code.extend(length.to_le_bytes());
    code.extend([0x0f, 0x05, 0xb8, 60, 0, 0, 0, 0x31, 0xff, 0x0f, 0x05]);
    code
}

/// The same in eight instructions of four bytes.
fn aarch64(length: u32) -> Vec<u8> {
    let movz = |register: u32, value: u32| 0xd280_0000 | (value & 0xffff) << 5 | register;
    // adr x1 to behind the last instruction, seven further on.
    let adr = 0x1000_0000 | (7 << 5) | 1;
    let svc = 0xd400_0001;
    let code = [movz(0, 1), adr, movz(2, length), movz(8, 64), svc, movz(0, 0), movz(8, 93), svc];
    code.iter().flat_map(|instruction: &u32| instruction.to_le_bytes()).collect()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn the_program_prints_its_text_and_nothing_else() {
        let text = "Grüße\nfrom a very small program\n";
        let dir = tempfile::tempdir().expect("a temporary directory");
        let path = dir.path().join("hello");
        std::fs::write(&path, program(text)).expect("a file");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("permissions");
        let output = std::process::Command::new(&path).output().expect("it runs");
        assert_eq!(output.status.code(), Some(0));
        assert_eq!(String::from_utf8(output.stdout).expect("text"), text);
        assert!(output.stderr.is_empty());
    }

    #[test]
    fn code_for_both_machines_ends_where_the_text_begins() {
        assert_eq!(aarch64(5).len(), 32);
        let code = x86_64(5);
        // Behind `lea` with its displacement lie as many bytes as the displacement says.
        assert_eq!(code.len() - 17, usize::from(code[13]));
    }
}
