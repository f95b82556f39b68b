//! What a disk remembers: the steps, what was to happen at one of them, and what is durable.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use crate::image::Image;
use crate::pcg::Pcg;

const SECTOR: usize = 512;

/// What a step does to the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum StepKind {
    Read,
    Create,
    Write,
    Truncate,
    Sync,
    Rename,
    Link,
    Remove,
    MakeFolder,
}

impl StepKind {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Create => "create",
            Self::Write => "write",
            Self::Truncate => "truncate",
            Self::Sync => "sync",
            Self::Rename => "rename",
            Self::Link => "link",
            Self::Remove => "remove",
            Self::MakeFolder => "make folder",
        }
    }

    /// Whether the disk is another one afterwards.
    pub const fn changes(self) -> bool {
        !matches!(self, Self::Read)
    }

    /// Whether it needs room.
    const fn takes_space(self) -> bool {
        matches!(self, Self::Create | Self::Write | Self::Rename | Self::Link | Self::MakeFolder)
    }
}

/// One step: what was done to which file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Step {
    pub kind: StepKind,
    /// Without what differs from run to run.
    pub file: String,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind.as_str(), self.file)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Trouble {
    /// Everything ends just before the step.
    Stop,
    /// Everything ends in the middle of a write.
    Tear,
    /// An input or output error.
    Fails,
    /// The same, of nothing but what makes data durable.
    FlushFails,
    /// No space is left.
    Full,
}

impl Trouble {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Stop => "stop",
            Self::Tear => "tear",
            Self::Fails => "error",
            Self::FlushFails => "flush error",
            Self::Full => "full",
        }
    }

    /// Whether it can happen at such a step.
    pub const fn is_possible(self, kind: StepKind) -> bool {
        match self {
            Self::Stop => kind.changes(),
            Self::Tear => matches!(kind, StepKind::Write),
            Self::Fails => true,
            Self::FlushFails => matches!(kind, StepKind::Sync),
            Self::Full => kind.takes_space(),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lasting {
    Once,
    ForGood,
}

/// What becomes of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    /// The step's number, from 0.
    pub at: usize,
    pub trouble: Trouble,
    pub lasting: Lasting,
}

/// What is left after a stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Survival {
    /// The process died: the files are as they are.
    All,
    /// The power went: only what was made durable is left.
    Durable,
    /// The power went: some of the rest is left too, by this seed.
    Some(u64),
}

/// What became of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    Goes,
    /// Half of it is done, then everything ends.
    Half,
    Fails(i32),
}

#[derive(Debug)]
enum Change {
    Write { at: usize, bytes: Vec<u8> },
    Truncate(usize),
}

impl Change {
    fn apply(&self, content: &mut Vec<u8>, mut is_kept: impl FnMut() -> bool) {
        match self {
            Self::Truncate(len) => content.resize(*len, 0),
            Self::Write { at, bytes } => {
                for (index, sector) in bytes.chunks(SECTOR).enumerate() {
                    let from = at + index * SECTOR;
                    if content.len() < from + sector.len() {
                        content.resize(from + sector.len(), 0);
                    }
                    if is_kept() {
                        content[from..from + sector.len()].copy_from_slice(sector);
                    }
                }
            }
        }
    }
}

#[derive(Debug, Default)]
struct File {
    durable: Vec<u8>,
    pending: Vec<Change>,
}

#[derive(Debug)]
enum Naming {
    Put { path: PathBuf, file: usize },
    Take { path: PathBuf },
}

impl Naming {
    fn path(&self) -> &Path {
        match self {
            Self::Put { path, .. } | Self::Take { path } => path,
        }
    }

    fn apply(&self, names: &mut BTreeMap<PathBuf, usize>) {
        match self {
            Self::Put { path, file } => names.insert(path.clone(), *file),
            Self::Take { path } => names.remove(path),
        };
    }
}

/// The content and names of a disk's files, as far as they are durable, and what is pending.
#[derive(Debug, Default)]
pub(crate) struct Model {
    files: Vec<File>,
    names: BTreeMap<PathBuf, usize>,
    durable_names: BTreeMap<PathBuf, usize>,
    /// Renames are two changes of one moment: the groups are all or nothing.
    pending_names: Vec<Vec<Naming>>,
    folders: Vec<PathBuf>,
}

impl Model {
    pub(crate) fn of(image: &Image) -> Self {
        let mut model = Self { folders: image.folders.clone(), ..Self::default() };
        for (path, bytes) in &image.files {
            model.names.insert(path.clone(), model.files.len());
            model.files.push(File { durable: bytes.clone(), pending: Vec::new() });
        }
        model.durable_names = model.names.clone();
        model
    }

    /// The number of a file that was opened; a new one gets a name that is not durable yet.
    pub(crate) fn open(&mut self, path: &Path) -> usize {
        if let Some(file) = self.names.get(path) {
            return *file;
        }
        let file = self.files.len();
        self.files.push(File::default());
        self.rename_all(vec![Naming::Put { path: path.to_owned(), file }]);
        file
    }

    pub(crate) fn write(&mut self, file: usize, at: usize, bytes: &[u8]) {
        self.files[file].pending.push(Change::Write { at, bytes: bytes.to_vec() });
    }

    pub(crate) fn truncate(&mut self, file: usize, len: usize) {
        self.files[file].pending.push(Change::Truncate(len));
    }

    pub(crate) fn sync(&mut self, file: usize) {
        let File { durable, pending } = &mut self.files[file];
        for change in pending.drain(..) {
            change.apply(durable, || true);
        }
    }

    /// What was written since the last time is lost, and a later sync will not say so.
    pub(crate) fn lose(&mut self, file: usize) {
        self.files[file].pending.clear();
    }

    pub(crate) fn sync_folder(&mut self, folder: &Path) {
        let durable_names = &mut self.durable_names;
        self.pending_names.retain(|group| {
            let is_here = group.iter().any(|naming| naming.path().parent() == Some(folder));
            if is_here {
                for naming in group {
                    naming.apply(durable_names);
                }
            }
            !is_here
        });
    }

    pub(crate) fn rename(&mut self, from: &Path, to: &Path) {
        let Some(file) = self.names.get(from).copied() else { return };
        let (from, to) = (from.to_owned(), to.to_owned());
        self.rename_all(vec![Naming::Take { path: from }, Naming::Put { path: to, file }]);
    }

    pub(crate) fn link(&mut self, from: &Path, to: &Path) {
        let Some(file) = self.names.get(from).copied() else { return };
        self.rename_all(vec![Naming::Put { path: to.to_owned(), file }]);
    }

    pub(crate) fn remove(&mut self, path: &Path) {
        self.rename_all(vec![Naming::Take { path: path.to_owned() }]);
    }

    pub(crate) fn make_folder(&mut self, path: &Path) {
        self.folders.push(path.to_owned());
    }

    fn rename_all(&mut self, group: Vec<Naming>) {
        for naming in &group {
            naming.apply(&mut self.names);
        }
        self.pending_names.push(group);
    }

    /// What a loss of power leaves; with a seed, some of what was pending too.
    pub(crate) fn survivor(&self, seed: Option<u64>) -> Image {
        let mut pcg = seed.map(Pcg::new);
        let mut names = self.durable_names.clone();
        let kept = pcg.as_mut().map_or(0, |pcg| pcg.below(self.pending_names.len() + 1));
        for naming in self.pending_names.iter().take(kept).flatten() {
            naming.apply(&mut names);
        }
        let mut image = Image { folders: self.folders.clone(), ..Image::default() };
        for (path, file) in names {
            let is_memory = path.to_string_lossy().ends_with("-shm");
            if is_memory {
                continue;
            }
            let File { durable, pending } = &self.files[file];
            let mut content = durable.clone();
            if let Some(pcg) = &mut pcg {
                for change in pending {
                    if pcg.flips() {
                        change.apply(&mut content, || pcg.flips());
                    }
                }
            }
            image.files.insert(path, content);
        }
        image
    }
}
