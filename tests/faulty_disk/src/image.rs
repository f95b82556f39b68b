//! All files below a folder, as bytes.

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// Files by their path below the folder. All are private.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Image {
    pub files: BTreeMap<PathBuf, Vec<u8>>,
    pub folders: Vec<PathBuf>,
}

impl Image {
    /// What is below `root` now.
    pub fn of(root: &Path) -> io::Result<Self> {
        let mut image = Self::default();
        image.read(root, root)?;
        Ok(image)
    }

    fn read(&mut self, root: &Path, folder: &Path) -> io::Result<()> {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            let below = path.strip_prefix(root).unwrap_or(&path).to_owned();
            if path.is_dir() {
                self.folders.push(below);
                self.read(root, &path)?;
            } else {
                self.files.insert(below, fs::read(&path)?);
            }
        }
        Ok(())
    }

    /// Makes `root` hold exactly this.
    pub fn write(&self, root: &Path) -> io::Result<()> {
        if root.exists() {
            fs::remove_dir_all(root)?;
        }
        let folder = |path: &Path| DirBuilder::new().recursive(true).mode(0o700).create(path);
        folder(root)?;
        for below in &self.folders {
            folder(&root.join(below))?;
        }
        for (below, bytes) in &self.files {
            let path = root.join(below);
            fs::write(&path, bytes)?;
            fs::set_permissions(&path, Permissions::from_mode(0o600))?;
        }
        Ok(())
    }
}
