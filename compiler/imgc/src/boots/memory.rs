//! How much memory machines may have together.

/// Half of what is free now, in bytes; `None` where the system does not say.
///
/// Linux says it in `/proc/meminfo` (proc_meminfo(5), `MemAvailable`, in KiB). Elsewhere only the number of machines is bounded.
pub fn room() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    available(&text).map(|bytes| bytes / 2)
}

fn available(text: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn free_memory_is_read_as_linux_says_it() {
        assert_eq!(available("MemTotal: 10 kB\nMemAvailable:    2048 kB\n"), Some(2 << 20));
        assert_eq!(available("MemTotal: 10 kB\n"), None);
    }
}
