//! The ports that `EXPOSE` names.

use crate::error::{Error, Result};

/// `80`, `80/tcp`, `8000-8002/udp` as single ports.
///
/// # Errors
/// Docker's sentences for what is no port.
pub(crate) fn ports(word: &str) -> Result<Vec<String>> {
    let (range, protocol) = word.split_once('/').unwrap_or((word, "tcp"));
    let protocol = protocol.to_lowercase();
    // A mapping to the host is read as in `docker run -p`; only the container's side counts here.
    let range = range.rsplit(':').next().unwrap_or(range);
    let wrong = || Error::bad(format!("Invalid containerPort: {range}"));
    let (first, last) = range.split_once('-').unwrap_or((range, range));
    let (first, last): (u16, u16) = (first.parse().map_err(|_| wrong())?, last.parse().map_err(|_| wrong())?);
    if last < first {
        return Err(wrong());
    }
    if !matches!(protocol.as_str(), "tcp" | "udp" | "sctp") {
        return Err(Error::bad(format!("Invalid proto: {protocol}")));
    }
    Ok((first..=last).map(|port| format!("{port}/{protocol}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_port_is_told() {
        let error = |word: &str| ports(word).unwrap_err().message;
        assert_eq!(error("99999"), "Invalid containerPort: 99999");
        assert_eq!(error("a/b"), "Invalid containerPort: a");
        assert_eq!(error("80/x"), "Invalid proto: x");
        assert_eq!(error("80-70"), "Invalid containerPort: 80-70");
        assert_eq!(ports("8000-8002/UDP").unwrap(), ["8000/udp", "8001/udp", "8002/udp"]);
    }
}
