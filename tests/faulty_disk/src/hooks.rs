//! The functions of the C library that touch files, once more: the linker takes these for every caller in the process.
//! Each asks the disk, if the file is on one, and makes the system call itself.
//!
//! Nothing here may panic, and nothing here may write to a file.

use std::ffi::{CStr, OsStr};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use libc::{c_char, c_int, c_long, c_void, mode_t, off_t, size_t, ssize_t};

use crate::disk::{self, Open, Shared, Target};
use crate::model::{Fate, StepKind};
use crate::quiet;

const FAILED: c_int = -1;

fn fail<T: From<i8>>(errno: c_int) -> T {
    // SAFETY: the address of this thread's errno is always valid.
    unsafe { *libc::__errno_location() = errno };
    T::from(-1)
}

/// A path as the caller gave it.
///
/// SAFETY: `path` is a C string, as the caller of the C library has promised.
unsafe fn path_of<'p>(path: *const c_char) -> &'p Path {
    // SAFETY: see above.
    Path::new(OsStr::from_bytes(unsafe { CStr::from_ptr(path) }.to_bytes()))
}

/// System calls return what fits into the type of the C function.
#[expect(clippy::cast_possible_truncation, reason = "a result of this call is a descriptor, 0 or -1")]
const fn narrow(value: c_long) -> c_int {
    value as c_int
}

#[expect(clippy::cast_possible_truncation, reason = "a result of this call is a count of bytes or -1")]
const fn count(value: c_long) -> ssize_t {
    value as ssize_t
}

/// What becomes of a step on a path; `None`: it is on no disk.
fn asked(kind: StepKind, path: &Path) -> Option<(Arc<Shared>, PathBuf, Fate)> {
    let (disk, below) = disk::find(path)?;
    let fate = disk.step(kind, &below);
    Some((disk, below, fate))
}

unsafe fn open_any(path: *const c_char, flags: c_int, mode: mode_t) -> c_int {
    // SAFETY: the arguments are those of the caller.
    let call = || narrow(unsafe { libc::syscall(libc::SYS_openat, libc::AT_FDCWD, path, flags, mode) });
    // SAFETY: as above.
    let given = unsafe { path_of(path) };
    let Some((disk, below)) = disk::find(given) else { return call() };
    let is_folder = given.is_dir();
    let creates = flags & libc::O_CREAT != 0 && !given.exists();
    let truncates = flags & libc::O_TRUNC != 0 && !creates;
    let kind = if creates { Some(StepKind::Create) } else { truncates.then_some(StepKind::Truncate) };
    if let Some(Fate::Fails(errno)) = kind.map(|kind| disk.step(kind, &below)) {
        return fail(errno);
    }
    let descriptor = call();
    if descriptor == FAILED {
        return descriptor;
    }
    let target = if is_folder {
        Target::Folder
    } else {
        let file = disk.change(|model| model.open(&below));
        if truncates {
            disk.change(|model| model.truncate(file, 0));
        }
        Target::File(file)
    };
    disk::note_opened(descriptor, Open { disk, path: below, target });
    descriptor
}

/// # Safety
/// As `open(2)`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn open(path: *const c_char, flags: c_int, mode: mode_t) -> c_int {
    // SAFETY: the arguments are those of the caller.
    unsafe { open_any(path, flags, mode) }
}

/// # Safety
/// As `open(2)`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn open64(path: *const c_char, flags: c_int, mode: mode_t) -> c_int {
    // SAFETY: the arguments are those of the caller.
    unsafe { open_any(path, flags, mode) }
}

/// # Safety
/// As `close(2)`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn close(descriptor: c_int) -> c_int {
    disk::note_closed(descriptor);
    // SAFETY: the arguments are those of the caller.
    narrow(unsafe { libc::syscall(libc::SYS_close, descriptor) })
}

/// Where in a file the next `write` begins.
fn place_of(descriptor: c_int) -> usize {
    // SAFETY: no memory is touched.
    let at = unsafe { libc::syscall(libc::SYS_lseek, descriptor, 0, libc::SEEK_CUR) };
    usize::try_from(at).unwrap_or(0)
}

/// A write of `len` bytes that `call` makes, of which `at` says where it was once it is done.
unsafe fn written(
    descriptor: c_int,
    (bytes, len): (*const c_void, size_t),
    call: impl Fn(size_t) -> ssize_t,
    at: impl FnOnce(usize) -> usize,
) -> ssize_t {
    let Some(Open { disk, path, target: Target::File(file) }) = disk::opened(descriptor) else {
        return call(len);
    };
    let fate = disk.step(StepKind::Write, &path);
    let done = match fate {
        Fate::Fails(errno) => return fail(errno),
        Fate::Half => call(len / 2),
        Fate::Goes => call(len),
    };
    let Ok(count) = usize::try_from(done) else { return done };
    // SAFETY: the caller gave `len` bytes, of which `count` were written.
    let bytes = unsafe { std::slice::from_raw_parts(bytes.cast::<u8>(), count) };
    disk.change(|model| model.write(file, at(count), bytes));
    if fate == Fate::Half { fail(libc::EIO) } else { done }
}

/// # Safety
/// As `write(2)`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn write(descriptor: c_int, bytes: *const c_void, len: size_t) -> ssize_t {
    if descriptor == libc::STDOUT_FILENO || descriptor == libc::STDERR_FILENO {
        // SAFETY: the caller gave `len` bytes.
        let said = unsafe { std::slice::from_raw_parts(bytes.cast::<u8>(), len) };
        if quiet::keep(descriptor, said) {
            return len.cast_signed();
        }
    }
    // SAFETY: the arguments are those of the caller.
    let call = |len: size_t| count(unsafe { libc::syscall(libc::SYS_write, descriptor, bytes, len) });
    // SAFETY: as above.
    unsafe { written(descriptor, (bytes, len), call, |count| place_of(descriptor).saturating_sub(count)) }
}

unsafe fn pwrite_any(descriptor: c_int, bytes: *const c_void, len: size_t, at: off_t) -> ssize_t {
    // SAFETY: the arguments are those of the caller.
    let call = |len: size_t| count(unsafe { libc::syscall(libc::SYS_pwrite64, descriptor, bytes, len, at) });
    // SAFETY: as above.
    unsafe { written(descriptor, (bytes, len), call, |_| usize::try_from(at).unwrap_or(0)) }
}

/// # Safety
/// As `pwrite(2)`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pwrite(descriptor: c_int, bytes: *const c_void, len: size_t, at: off_t) -> ssize_t {
    // SAFETY: the arguments are those of the caller.
    unsafe { pwrite_any(descriptor, bytes, len, at) }
}

/// # Safety
/// As `pwrite(2)`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pwrite64(
    descriptor: c_int,
    bytes: *const c_void,
    len: size_t,
    at: off_t,
) -> ssize_t {
    // SAFETY: the arguments are those of the caller.
    unsafe { pwrite_any(descriptor, bytes, len, at) }
}

/// The error of a read that fails.
fn read_error(descriptor: c_int) -> Option<c_int> {
    let Open { disk, path, target: Target::File(_) } = disk::opened(descriptor)? else { return None };
    match disk.step(StepKind::Read, &path) {
        Fate::Fails(errno) => Some(errno),
        Fate::Goes | Fate::Half => None,
    }
}

/// # Safety
/// As `read(2)`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn read(descriptor: c_int, bytes: *mut c_void, len: size_t) -> ssize_t {
    if let Some(errno) = read_error(descriptor) {
        return fail(errno);
    }
    // SAFETY: the arguments are those of the caller.
    count(unsafe { libc::syscall(libc::SYS_read, descriptor, bytes, len) })
}

unsafe fn pread_any(descriptor: c_int, bytes: *mut c_void, len: size_t, at: off_t) -> ssize_t {
    if let Some(errno) = read_error(descriptor) {
        return fail(errno);
    }
    // SAFETY: the arguments are those of the caller.
    count(unsafe { libc::syscall(libc::SYS_pread64, descriptor, bytes, len, at) })
}

/// # Safety
/// As `pread(2)`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pread(descriptor: c_int, bytes: *mut c_void, len: size_t, at: off_t) -> ssize_t {
    // SAFETY: the arguments are those of the caller.
    unsafe { pread_any(descriptor, bytes, len, at) }
}

/// # Safety
/// As `pread(2)`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pread64(descriptor: c_int, bytes: *mut c_void, len: size_t, at: off_t) -> ssize_t {
    // SAFETY: the arguments are those of the caller.
    unsafe { pread_any(descriptor, bytes, len, at) }
}

fn truncate_any(descriptor: c_int, len: off_t) -> c_int {
    // SAFETY: no memory is touched.
    let call = || narrow(unsafe { libc::syscall(libc::SYS_ftruncate, descriptor, len) });
    let Some(Open { disk, path, target: Target::File(file) }) = disk::opened(descriptor) else {
        return call();
    };
    if let Fate::Fails(errno) = disk.step(StepKind::Truncate, &path) {
        return fail(errno);
    }
    let done = call();
    if done != FAILED {
        disk.change(|model| model.truncate(file, usize::try_from(len).unwrap_or(0)));
    }
    done
}

#[unsafe(no_mangle)]
pub extern "C" fn ftruncate(descriptor: c_int, len: off_t) -> c_int {
    truncate_any(descriptor, len)
}

#[unsafe(no_mangle)]
pub extern "C" fn ftruncate64(descriptor: c_int, len: off_t) -> c_int {
    truncate_any(descriptor, len)
}

/// What is on a disk of ours is durable because the disk remembers it; nothing needs to wait for the real one.
fn sync_any(descriptor: c_int, call: c_long) -> c_int {
    let Some(Open { disk, path, target }) = disk::opened(descriptor) else {
        // SAFETY: no memory is touched.
        return narrow(unsafe { libc::syscall(call, descriptor) });
    };
    let fate = disk.step(StepKind::Sync, &path);
    if disk.has_ended() {
        return fail(libc::EIO);
    }
    disk.change(|model| match (fate, target) {
        (Fate::Fails(_), Target::File(file)) => model.lose(file),
        (Fate::Fails(_), Target::Folder) => {}
        (Fate::Goes | Fate::Half, Target::File(file)) => model.sync(file),
        (Fate::Goes | Fate::Half, Target::Folder) => model.sync_folder(&path),
    });
    if let Fate::Fails(errno) = fate { fail(errno) } else { 0 }
}

#[unsafe(no_mangle)]
pub extern "C" fn fsync(descriptor: c_int) -> c_int {
    sync_any(descriptor, libc::SYS_fsync)
}

#[unsafe(no_mangle)]
pub extern "C" fn fdatasync(descriptor: c_int) -> c_int {
    sync_any(descriptor, libc::SYS_fdatasync)
}

/// # Safety
/// As `rename(2)`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rename(from: *const c_char, to: *const c_char) -> c_int {
    // SAFETY: the arguments are those of the caller.
    let call =
        || narrow(unsafe { libc::syscall(libc::SYS_renameat2, libc::AT_FDCWD, from, libc::AT_FDCWD, to, 0) });
    // SAFETY: as above.
    let (old, new) = unsafe { (path_of(from), path_of(to)) };
    let Some((disk, old_below, fate)) = asked(StepKind::Rename, old) else { return call() };
    if let Fate::Fails(errno) = fate {
        return fail(errno);
    }
    let done = call();
    if done != FAILED
        && let Some((_, new_below)) = disk::find(new)
    {
        disk.change(|model| model.rename(&old_below, &new_below));
    }
    done
}

/// # Safety
/// As `linkat(2)`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn linkat(
    from_folder: c_int,
    from: *const c_char,
    to_folder: c_int,
    to: *const c_char,
    flags: c_int,
) -> c_int {
    // SAFETY: the arguments are those of the caller.
    let call = || narrow(unsafe { libc::syscall(libc::SYS_linkat, from_folder, from, to_folder, to, flags) });
    // SAFETY: as above.
    let (old, new) = unsafe { (path_of(from), path_of(to)) };
    let Some((disk, new_below, fate)) = asked(StepKind::Link, new) else { return call() };
    if let Fate::Fails(errno) = fate {
        return fail(errno);
    }
    let done = call();
    if done != FAILED
        && let Some((_, old_below)) = disk::find(old)
    {
        disk.change(|model| model.link(&old_below, &new_below));
    }
    done
}

/// # Safety
/// As `unlink(2)`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn unlink(path: *const c_char) -> c_int {
    // SAFETY: the arguments are those of the caller.
    let call = || narrow(unsafe { libc::syscall(libc::SYS_unlinkat, libc::AT_FDCWD, path, 0) });
    // SAFETY: as above.
    let given = unsafe { path_of(path) };
    // What is not there is no step.
    if !given.exists() {
        return call();
    }
    let Some((disk, below, fate)) = asked(StepKind::Remove, given) else { return call() };
    if let Fate::Fails(errno) = fate {
        return fail(errno);
    }
    let done = call();
    if done != FAILED {
        disk.change(|model| model.remove(&below));
    }
    done
}

/// # Safety
/// As `mkdir(2)`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mkdir(path: *const c_char, mode: mode_t) -> c_int {
    // SAFETY: the arguments are those of the caller.
    let call = || narrow(unsafe { libc::syscall(libc::SYS_mkdirat, libc::AT_FDCWD, path, mode) });
    // SAFETY: as above.
    let given = unsafe { path_of(path) };
    if given.exists() {
        return call();
    }
    let Some((disk, below, fate)) = asked(StepKind::MakeFolder, given) else { return call() };
    if let Fate::Fails(errno) = fate {
        return fail(errno);
    }
    let done = call();
    if done != FAILED {
        disk.change(|model| model.make_folder(&below));
    }
    done
}
