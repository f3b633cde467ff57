//! Whether a folder lies where other machines write too, of whose writes the kernel says nothing.

use std::path::Path;

/// The magic numbers of `statfs(2)`, and what people call these file systems.
const REMOTE: [(i64, &str); 10] = [
    (0x6969, "NFS"),
    (0x517B, "SMB"),
    (0xFF53_4D42, "CIFS"),
    (0xFE53_4D42, "SMB"),
    (0x6573_5546, "FUSE"),
    (0x0102_1997, "9p"),
    (0x00C3_6400, "Ceph"),
    (0x5346_414F, "AFS"),
    (0x7375_7245, "Coda"),
    (0x786F_4256, "vboxsf"),
];

/// The kind of network mount a folder lies on.
pub(super) fn remote(folder: &Path) -> Option<&'static str> {
    let kind = rustix::fs::statfs(folder).ok()?.f_type;
    name(kind)
}

fn name(magic: i64) -> Option<&'static str> {
    // 32-bit magics arrive with their sign on some machines.
    let magic = magic & 0xFFFF_FFFF;
    let (_, name) = REMOTE.iter().find(|(known, _)| *known == magic)?;
    Some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn local_folders_are_watched_and_network_mounts_are_not() {
        assert_eq!(name(0x6969), Some("NFS"));
        assert_eq!(name(-11_317_950), Some("CIFS"));
        assert_eq!(name(0xEF53), None);
        assert_eq!(remote(Path::new("/nonexistent")), None);
    }
}
