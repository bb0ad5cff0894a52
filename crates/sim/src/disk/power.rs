//! A disk whose power can fail, beneath SQLite: a shim over its file system that remembers what was not synced.
//!
//! The shim writes to real files, so that a process that is killed finds what it wrote. Beside them it keeps what was synced
//! and every write since. [`PowerFailure::strike`] makes the files that a power cut may leave: each write since the last
//! sync is there, or not, or torn between two sectors. Syncs themselves are not passed on: only the shim relies on them.

#![allow(unsafe_code, reason = "SQLite calls its file system through C functions")]

use crate::chance::Chance;
use rusqlite::ffi;
use std::collections::HashMap;
use std::ffi::{CStr, c_char, c_int, c_void};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{LazyLock, Mutex, MutexGuard, OnceLock, PoisonError};

/// The means to cut the power.
pub(super) struct PowerFailure(());

/// What is known of the files beneath SQLite.
#[derive(Default)]
struct Files {
    /// Open files by their address: their path, and the methods of the real file system.
    open: HashMap<usize, (PathBuf, &'static ffi::sqlite3_io_methods)>,
    contents: HashMap<PathBuf, Content>,
    /// Our methods for those of the real file system, by their address.
    methods: HashMap<usize, &'static ffi::sqlite3_io_methods>,
}

/// One file.
#[derive(Default)]
struct Content {
    synced: Vec<u8>,
    unsynced: Vec<Write>,
}

enum Write {
    Bytes(usize, Vec<u8>),
    Length(usize),
}

static FILES: LazyLock<Mutex<Files>> = LazyLock::new(Mutex::default);
static REAL: OnceLock<usize> = OnceLock::new();

impl PowerFailure {
    /// Puts the shim beneath SQLite, once in a process.
    pub(super) fn install() -> PowerFailure {
        REAL.get_or_init(|| {
            // SAFETY: `sqlite3_vfs_find` gives the default file system, which lives as long as the process. The copy is
            // leaked, so it does, too; its functions only use the fields that were copied.
            unsafe {
                let real = ffi::sqlite3_vfs_find(std::ptr::null());
                let mut shim = Box::new(*real);
                shim.zName = c"wakeworker-sim".as_ptr();
                shim.pNext = std::ptr::null_mut();
                shim.xOpen = Some(open);
                shim.xDelete = Some(delete);
                ffi::sqlite3_vfs_register(Box::into_raw(shim), 1);
                real as usize
            }
        });
        PowerFailure(())
    }

    /// The files of `from` as the power cut leaves them, in `to`.
    pub(super) fn strike(&self, from: &Path, to: &Path, chance: &mut Chance) -> io::Result<()> {
        let files = files();
        let mut paths: Vec<&PathBuf> = files.contents.keys().filter(|path| path.starts_with(from)).collect();
        paths.sort();
        for path in paths {
            let Some(name) = path.file_name() else { continue };
            fs::write(to.join(name), files.contents[path].after_power_cut(chance))?;
        }
        Ok(())
    }

    /// The files of a directory are not needed any more.
    pub(super) fn forget(&self, directory: &Path) {
        files().contents.retain(|path, _| !path.starts_with(directory));
    }
}

impl Content {
    fn after_power_cut(&self, chance: &mut Chance) -> Vec<u8> {
        let mut bytes = self.synced.clone();
        for write in &self.unsynced {
            match (write, chance.below(3)) {
                (_, 0) => {}
                (Write::Bytes(at, data), 1) => {
                    let sectors = data.len() / SECTOR_BYTES;
                    let kept = chance.below(sectors as u64 + 1) as usize * SECTOR_BYTES;
                    put(&mut bytes, *at, &data[..kept]);
                }
                (write, _) => apply(&mut bytes, write),
            }
        }
        bytes
    }
}

fn apply(bytes: &mut Vec<u8>, write: &Write) {
    match write {
        Write::Bytes(at, data) => put(bytes, *at, data),
        Write::Length(length) => bytes.resize(*length, 0),
    }
}

fn put(bytes: &mut Vec<u8>, at: usize, data: &[u8]) {
    let end = at + data.len();
    if bytes.len() < end {
        bytes.resize(end, 0);
    }
    bytes[at..end].copy_from_slice(data);
}

/// A panic under the lock leaves nothing half done.
fn files() -> MutexGuard<'static, Files> {
    FILES.lock().unwrap_or_else(PoisonError::into_inner)
}

fn real_vfs() -> *mut ffi::sqlite3_vfs {
    REAL.get().map_or(std::ptr::null_mut(), |address| *address as *mut ffi::sqlite3_vfs)
}

/// The path that SQLite means.
///
/// # Safety
/// `name` is null or a C string.
unsafe fn path_of(name: *const c_char) -> Option<PathBuf> {
    if name.is_null() {
        return None; // A temporary file, which no restart sees.
    }
    // SAFETY: the caller says so.
    unsafe { CStr::from_ptr(name) }.to_str().ok().map(PathBuf::from)
}

unsafe extern "C" fn open(
    _: *mut ffi::sqlite3_vfs,
    name: ffi::sqlite3_filename,
    file: *mut ffi::sqlite3_file,
    flags: c_int,
    flags_out: *mut c_int,
) -> c_int {
    let real = real_vfs();
    // SAFETY: SQLite passes what the real function expects; `file` has the size that the real file system asked for.
    let code = unsafe {
        match (*real).xOpen {
            Some(open) => open(real, name, file, flags, flags_out),
            None => ffi::SQLITE_CANTOPEN,
        }
    };
    // SAFETY: SQLite passes a C string or null; an open file has methods, which live as long as the process.
    unsafe {
        if code != ffi::SQLITE_OK || (*file).pMethods.is_null() {
            return code;
        }
        let Some(path) = path_of(name) else { return code };
        let methods: &'static ffi::sqlite3_io_methods = &*(*file).pMethods;
        let mut files = files();
        files
            .contents
            .entry(path.clone())
            .or_insert_with(|| Content { synced: fs::read(&path).unwrap_or_default(), unsynced: Vec::new() });
        files.open.insert(file as usize, (path, methods));
        let ours = files.methods.entry(std::ptr::from_ref(methods) as usize).or_insert_with(|| {
            let mut ours = *methods;
            ours.xClose = Some(close);
            ours.xWrite = Some(write);
            ours.xTruncate = Some(truncate);
            ours.xSync = Some(sync);
            Box::leak(Box::new(ours))
        });
        (*file).pMethods = std::ptr::from_ref(*ours);
    }
    code
}

unsafe extern "C" fn delete(_: *mut ffi::sqlite3_vfs, name: *const c_char, sync_directory: c_int) -> c_int {
    let real = real_vfs();
    // SAFETY: SQLite passes what the real function expects, and a C string.
    unsafe {
        if let Some(path) = path_of(name) {
            files().contents.remove(&path);
        }
        match (*real).xDelete {
            Some(delete) => delete(real, name, sync_directory),
            None => ffi::SQLITE_IOERR_DELETE,
        }
    }
}

/// The real methods of an open file.
fn real_methods(file: *mut ffi::sqlite3_file) -> Option<&'static ffi::sqlite3_io_methods> {
    files().open.get(&(file as usize)).map(|(_, methods)| *methods)
}

fn note(file: *mut ffi::sqlite3_file, change: impl FnOnce(&mut Content)) {
    let files = &mut *files();
    if let Some((path, _)) = files.open.get(&(file as usize))
        && let Some(content) = files.contents.get_mut(path)
    {
        change(content);
    }
}

unsafe extern "C" fn close(file: *mut ffi::sqlite3_file) -> c_int {
    let methods = real_methods(file);
    files().open.remove(&(file as usize));
    match methods.and_then(|methods| methods.xClose) {
        // SAFETY: it is the function that belongs to this file.
        Some(close) => unsafe { close(file) },
        None => ffi::SQLITE_IOERR_CLOSE,
    }
}

unsafe extern "C" fn write(
    file: *mut ffi::sqlite3_file,
    data: *const c_void,
    length: c_int,
    at: ffi::sqlite3_int64,
) -> c_int {
    let (Ok(length_bytes), Ok(start)) = (usize::try_from(length), usize::try_from(at)) else {
        return ffi::SQLITE_IOERR_WRITE;
    };
    // SAFETY: SQLite passes that many bytes.
    let bytes = unsafe { std::slice::from_raw_parts(data.cast::<u8>(), length_bytes) }.to_vec();
    note(file, |content| content.unsynced.push(Write::Bytes(start, bytes)));
    match real_methods(file).and_then(|methods| methods.xWrite) {
        // SAFETY: it is the function that belongs to this file, with SQLite's own arguments.
        Some(write) => unsafe { write(file, data, length, at) },
        None => ffi::SQLITE_IOERR_WRITE,
    }
}

unsafe extern "C" fn truncate(file: *mut ffi::sqlite3_file, length: ffi::sqlite3_int64) -> c_int {
    let Ok(length_bytes) = usize::try_from(length) else { return ffi::SQLITE_IOERR_TRUNCATE };
    note(file, |content| content.unsynced.push(Write::Length(length_bytes)));
    match real_methods(file).and_then(|methods| methods.xTruncate) {
        // SAFETY: it is the function that belongs to this file, with SQLite's own argument.
        Some(truncate) => unsafe { truncate(file, length) },
        None => ffi::SQLITE_IOERR_TRUNCATE,
    }
}

unsafe extern "C" fn sync(file: *mut ffi::sqlite3_file, _: c_int) -> c_int {
    note(file, |content| {
        for write in std::mem::take(&mut content.unsynced) {
            apply(&mut content.synced, &write);
        }
    });
    ffi::SQLITE_OK
}

/// What a disk writes whole.
const SECTOR_BYTES: usize = 512;
