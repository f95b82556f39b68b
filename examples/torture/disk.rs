//! A small disk that can be filled to the last byte: a tmpfs, where one may be mounted.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const SIZE: &str = "size=96m";

/// Unmounted with its handle.
#[derive(Debug)]
pub(crate) struct Disk {
    place: PathBuf,
}

impl Disk {
    /// `None`: mounting is not permitted here.
    pub(crate) fn mount(place: &Path) -> anyhow::Result<Option<Self>> {
        std::fs::create_dir_all(place)?;
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", SIZE, "tmpfs"])
            .arg(place)
            .stderr(Stdio::null())
            .status();
        let is_mounted = mounted.is_ok_and(|status| status.success());
        Ok(is_mounted.then(|| Self { place: place.to_owned() }))
    }

    fn ballast(&self) -> PathBuf {
        self.place.join("ballast")
    }

    /// Until nothing more goes on it.
    pub(crate) fn fill(&self) -> anyhow::Result<()> {
        let mut file = std::fs::File::create(self.ballast())?;
        for size in [1 << 20, 1 << 12, 1] {
            let block = vec![0_u8; size];
            while file.write_all(&block).is_ok() {}
        }
        Ok(())
    }

    pub(crate) fn empty(&self) -> anyhow::Result<()> {
        Ok(std::fs::remove_file(self.ballast())?)
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Lazily: somebody may still look at it.
        drop(Command::new("umount").arg("-l").arg(&self.place).status());
    }
}
