//! Memory of this process, in MiB, as the system counts it; zero where it does not.

use std::os::unix::fs::MetadataExt as _;

/// What is in memory, shared or not, and the images of components' memories that are kept as files in memory: nobody's while none is mapped.
pub(crate) fn in_use() -> f64 {
    line("/proc/self/status", "VmRSS:") + images()
}

/// What is in memory for this process alone.
pub(crate) fn private() -> f64 {
    ["Private_Clean:", "Private_Dirty:"].map(|name| line("/proc/self/smaps_rollup", name)).iter().sum()
}

/// The most that was in memory since [`forget_peak`].
pub(crate) fn peak() -> f64 {
    line("/proc/self/status", "VmHWM:") + images()
}

/// Lets the system measure the peak from here on.
pub(crate) fn forget_peak() {
    if let Err(error) = std::fs::write("/proc/self/clear_refs", "5") {
        eprintln!("the peak is that of the whole run: {error}");
    }
}

/// Pages that this process had to ask the system for.
pub(crate) fn faults() -> f64 {
    let status = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The name, in parentheses, may contain spaces; the count is the eighth number after it.
    let numbers = status.rsplit_once(')').map_or("", |(_, numbers)| numbers);
    numbers.split_whitespace().nth(7).and_then(|number| number.parse().ok()).unwrap_or_default()
}

fn line(file: &str, name: &str) -> f64 {
    let status = std::fs::read_to_string(file).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
    let kib: f64 = line.split_whitespace().next().and_then(|number| number.parse().ok()).unwrap_or_default();
    kib / 1024.0
}

/// Blocks of 512 bytes.
fn images() -> f64 {
    let Ok(open) = std::fs::read_dir("/proc/self/fd") else { return 0.0 };
    let paths = open.flatten().map(|file| file.path());
    let is_image = |path: &std::path::PathBuf| {
        std::fs::read_link(path).is_ok_and(|target| target.to_string_lossy().starts_with("/memfd:"))
    };
    let blocks = paths.filter(is_image).filter_map(|path| path.metadata().ok()).map(|file| file.blocks());
    blocks.sum::<u64>() as f64 / 2048.0
}
