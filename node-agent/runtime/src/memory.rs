//! Gives pages of the program's own code back while a process only waits. They stay in the page cache, from where the next
//! call maps those that it needs; without this, every start-up routine counts as resident for ever.

use std::ffi::c_void;

/// Unmaps the resident pages of this program's code. Costs some hundred minor faults at the next activity.
///
/// Errors are ignored: the memory then simply stays mapped.
pub fn release_code() {
    let Ok(maps) = std::fs::read_to_string("/proc/self/maps") else {
        return;
    };
    for (start, length) in code(&maps) {
        // SAFETY: the range is a mapping of this process that is executable, not writable, private and backed by a file, so
        // it holds nothing but that file's bytes; MADV_DONTNEED drops its pages and the next access reads them again.
        unsafe {
            libc::madvise(start as *mut c_void, length, libc::MADV_DONTNEED);
        }
    }
}

/// Start and length of the mappings that are code of a file, never written to.
fn code(maps: &str) -> Vec<(usize, usize)> {
    let one = |line: &str| {
        let mut fields = line.split_whitespace();
        let (start, end) = fields.next()?.split_once('-')?;
        if fields.next()? != "r-xp" || !fields.nth(3)?.starts_with('/') {
            return None;
        }
        let (start, end) = (usize::from_str_radix(start, 16).ok()?, usize::from_str_radix(end, 16).ok()?);
        Some((start, end.checked_sub(start)?))
    };
    maps.lines().filter_map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_code_of_files_is_given_back() {
        let maps = "00400000-00401000 r--p 00000000 fe:00 1 /bin/x\n00401000-00403000 r-xp 00001000 fe:00 1 /bin/x\n\
                    7f0000000000-7f0000001000 rw-p 00000000 00:00 0 \n7ffc00000000-7ffc00002000 r-xp 00000000 00:00 0 [vdso]\n";
        assert_eq!(code(maps), [(0x401000, 0x2000)]);
    }

    #[test]
    fn the_program_runs_on_without_its_code_resident() {
        release_code();
        assert_eq!("still here".len(), 10);
    }
}
