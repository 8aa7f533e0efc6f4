//! Go's words for the kernel's errors, where a C library may have others: they stand in texts that people compare with Docker's.

/// The text of Go's `syscall.Errno` for a number of Linux, if it is one of those that C libraries word differently.
#[must_use]
pub fn errno(code: i32) -> Option<&'static str> {
    Some(match code {
        5 => "input/output error",
        6 => "no such device or address",
        7 => "argument list too long",
        16 => "device or resource busy",
        18 => "invalid cross-device link",
        23 => "too many open files in system",
        24 => "too many open files",
        25 => "inappropriate ioctl for device",
        26 => "text file busy",
        31 => "too many links",
        36 => "file name too long",
        38 => "function not implemented",
        40 => "too many levels of symbolic links",
        61 => "no data available",
        75 => "value too large for defined data type",
        95 => "operation not supported",
        99 => "cannot assign requested address",
        103 => "software caused connection abort",
        106 => "transport endpoint is already connected",
        107 => "transport endpoint is not connected",
        110 => "connection timed out",
        113 => "no route to host",
        122 => "disk quota exceeded",
        _ => return None,
    })
}
