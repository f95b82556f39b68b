//! The disks that are watched, and which descriptors belong to them.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::image::Image;
use crate::model::{Fate, Lasting, Model, Plan, Step, StepKind, Survival, Trouble};

/// How many disks there are: without any, nothing is looked up.
static DISKS: AtomicUsize = AtomicUsize::new(0);
static TABLE: Mutex<Option<Table>> = Mutex::new(None);

#[derive(Default)]
struct Table {
    disks: Vec<Arc<Shared>>,
    open: HashMap<i32, Open>,
}

/// What a descriptor stands for.
#[derive(Clone)]
pub(crate) struct Open {
    pub disk: Arc<Shared>,
    /// Below the disk's folder.
    pub path: PathBuf,
    pub target: Target,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Target {
    File(usize),
    Folder,
}

pub(crate) struct Shared {
    root: PathBuf,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    model: Model,
    steps: Vec<Step>,
    plan: Option<Plan>,
    hits: usize,
    has_ended: bool,
}

/// A folder whose files are watched as long as this lives.
pub struct Disk {
    shared: Arc<Shared>,
}

impl Disk {
    /// Watches everything below `root`, which exists; what is there is durable.
    pub fn watch(root: &Path, plan: Option<Plan>) -> io::Result<Self> {
        let state = State { model: Model::of(&Image::of(root)?), plan, ..State::default() };
        let shared = Arc::new(Shared { root: root.to_owned(), state: Mutex::new(state) });
        table().get_or_insert_default().disks.push(Arc::clone(&shared));
        DISKS.fetch_add(1, Ordering::SeqCst);
        Ok(Self { shared })
    }

    /// All steps so far.
    pub fn steps(&self) -> Vec<Step> {
        self.shared.state().steps.clone()
    }

    /// How many steps had trouble.
    pub fn hits(&self) -> usize {
        self.shared.state().hits
    }

    /// Whether everything has ended. The process, if it still runs, can do nothing any more.
    pub fn has_ended(&self) -> bool {
        self.shared.state().has_ended
    }

    /// Ends everything now, watches no more, and leaves in the folder what has survived, in files of their own: whoever
    /// still has an old one open does no harm.
    pub fn restart(self, survival: Survival) -> io::Result<()> {
        self.shared.state().has_ended = true;
        self.forget();
        let root = &self.shared.root;
        let image = match survival {
            Survival::All => Image::of(root)?,
            Survival::Durable => self.shared.state().model.survivor(None),
            Survival::Some(seed) => self.shared.state().model.survivor(Some(seed)),
        };
        image.write(root)
    }

    fn forget(&self) {
        let mut table = table();
        let Some(table) = table.as_mut() else { return };
        let before = table.disks.len();
        table.disks.retain(|disk| !Arc::ptr_eq(disk, &self.shared));
        table.open.retain(|_, open| !Arc::ptr_eq(&open.disk, &self.shared));
        DISKS.fetch_sub(before - table.disks.len(), Ordering::SeqCst);
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        self.forget();
    }
}

fn table() -> MutexGuard<'static, Option<Table>> {
    TABLE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The disk that a path belongs to, and the path below it.
pub(crate) fn find(path: &Path) -> Option<(Arc<Shared>, PathBuf)> {
    if DISKS.load(Ordering::Relaxed) == 0 {
        return None;
    }
    let table = table();
    table.as_ref()?.disks.iter().find_map(|disk| {
        let below = path.strip_prefix(&disk.root).ok()?;
        Some((Arc::clone(disk), below.to_owned()))
    })
}

/// What a descriptor stands for, if it is of a disk.
pub(crate) fn opened(descriptor: i32) -> Option<Open> {
    if DISKS.load(Ordering::Relaxed) == 0 {
        return None;
    }
    table().as_ref()?.open.get(&descriptor).cloned()
}

pub(crate) fn note_opened(descriptor: i32, open: Open) {
    table().get_or_insert_default().open.insert(descriptor, open);
}

pub(crate) fn note_closed(descriptor: i32) {
    if DISKS.load(Ordering::Relaxed) > 0 {
        table().get_or_insert_default().open.remove(&descriptor);
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What becomes of the next step.
    pub(crate) fn step(&self, kind: StepKind, path: &Path) -> Fate {
        let mut state = self.state();
        if state.has_ended {
            return Fate::Fails(libc::EIO);
        }
        let number = state.steps.len();
        state.steps.push(Step { kind, file: label(path) });
        let Some(plan) = state.plan else { return Fate::Goes };
        let is_its_turn = match plan.lasting {
            Lasting::Once => number == plan.at,
            Lasting::ForGood => number >= plan.at,
        };
        if !is_its_turn || !plan.trouble.is_possible(kind) {
            return Fate::Goes;
        }
        state.hits += 1;
        match plan.trouble {
            Trouble::Stop => {
                state.has_ended = true;
                Fate::Fails(libc::EIO)
            }
            Trouble::Tear => {
                state.has_ended = true;
                Fate::Half
            }
            Trouble::Fails | Trouble::FlushFails => Fate::Fails(libc::EIO),
            Trouble::Full => Fate::Fails(libc::ENOSPC),
        }
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.state().has_ended
    }

    /// Notes what a step has done.
    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut Model) -> T) -> T {
        change(&mut self.state().model)
    }
}

/// A file's name without its digits, which are times and numbers.
fn label(path: &Path) -> String {
    let name = path.file_name().map_or_else(|| ".".into(), |name| name.to_string_lossy());
    let mut label = String::new();
    for c in name.chars() {
        let c = if c.is_ascii_digit() { '#' } else { c };
        if c != '#' || !label.ends_with('#') {
            label.push(c);
        }
    }
    label
}
