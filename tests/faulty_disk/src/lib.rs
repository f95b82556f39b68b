//! The disk below a test: it stops, fails or is full at any step of what the test's process writes.
//!
//! The functions of the C library that change files are defined here once more (`hooks`), so that whatever the process
//! does to files below the folder of a [`Disk`] goes through it: SQLite, the standard library, everything. A disk
//! numbers the steps, and a [`Plan`] says what becomes of one of them. It remembers what was made durable by `fsync` and
//! what was not, so that a power loss can be played: [`Disk::survivor`] is what is left of the files then.
//!
//! What it holds of a file system: data is durable after `fsync` of its file, a name after `fsync` of its folder. The
//! rest may be lost or not; of a write each sector of 512 bytes by itself, of names all after some moment. Folders
//! themselves are durable at once. SQLite's shared memory (`-shm`) is never durable.

mod disk;
mod hooks;
mod image;
mod model;
mod pcg;
mod quiet;

pub use disk::Disk;
pub use image::Image;
pub use model::{Lasting, Plan, Step, StepKind, Survival, Trouble};
pub use quiet::captured;
