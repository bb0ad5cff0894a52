//! A disk that fails on command: SQLite's own file layer, whose writes, truncations and syncs fail from a chosen one on.

#![allow(unsafe_code, reason = "SQLite's file layer is a table of C functions")]

use rusqlite::ffi;
use std::ffi::{c_int, c_void};
use std::ptr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicI64, Ordering};

/// What a failing operation answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// There is no room left.
    Full,
    /// The device is broken.
    Broken,
}

/// How many operations still work; below zero all do.
static LEFT: AtomicI64 = AtomicI64::new(-1);
/// Whether the failure is one of room.
static IS_FULL: AtomicI64 = AtomicI64::new(0);

static ORIGINAL_OPEN: OnceLock<OpenFunction> = OnceLock::new();
static ORIGINAL: OnceLock<Methods> = OnceLock::new();
static FAULTY: OnceLock<Methods> = OnceLock::new();

type OpenFunction = unsafe extern "C" fn(
    *mut ffi::sqlite3_vfs,
    ffi::sqlite3_filename,
    *mut ffi::sqlite3_file,
    c_int,
    *mut c_int,
) -> c_int;

struct Methods(ffi::sqlite3_io_methods);

// SAFETY: the table has only function pointers, and is never changed after it was made.
unsafe impl Send for Methods {}
// SAFETY: as above.
unsafe impl Sync for Methods {}

/// Puts the failing disk under every database of this process that is opened from now on.
pub(crate) fn install() {
    // SAFETY: the default file layer exists for the whole process. Its copy is leaked, so that SQLite can keep it, and
    // differs in its name and in how files are opened only.
    unsafe {
        let default = ffi::sqlite3_vfs_find(ptr::null());
        assert!(!default.is_null());
        let mut faulty = *default;
        ORIGINAL_OPEN.set(faulty.xOpen.unwrap()).expect("installed once");
        faulty.zName = c"faulty".as_ptr();
        faulty.pNext = ptr::null_mut();
        faulty.xOpen = Some(open);
        let faulty = Box::leak(Box::new(faulty));
        assert_eq!(ffi::sqlite3_vfs_register(faulty, 1), ffi::SQLITE_OK);
    }
}

/// Lets so many operations work, and then none.
pub(crate) fn fail_after(operations: i64, fault: Fault) {
    IS_FULL.store(i64::from(fault == Fault::Full), Ordering::SeqCst);
    LEFT.store(operations, Ordering::SeqCst);
}

/// Repairs the disk; tells whether anything had failed.
pub(crate) fn repair() -> bool {
    LEFT.swap(-1, Ordering::SeqCst) == 0
}

/// Counts an operation; whether it fails. A disk that has failed once goes on failing.
fn fails() -> bool {
    LEFT.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| if left > 0 { Some(left - 1) } else { None })
        == Err(0)
}

fn code(broken: c_int) -> c_int {
    if IS_FULL.load(Ordering::SeqCst) == 1 { ffi::SQLITE_FULL } else { broken }
}

unsafe extern "C" fn open(
    vfs: *mut ffi::sqlite3_vfs,
    name: ffi::sqlite3_filename,
    file: *mut ffi::sqlite3_file,
    flags: c_int,
    out_flags: *mut c_int,
) -> c_int {
    // SAFETY: SQLite's own arguments, handed on to the function that they were meant for. A file that was opened has
    // the methods of its layer, which are the same for all files of this process and are replaced by a copy of them.
    unsafe {
        let opened = ORIGINAL_OPEN.get().unwrap()(vfs, name, file, flags, out_flags);
        if opened == ffi::SQLITE_OK && !(*file).pMethods.is_null() {
            let original = ORIGINAL.get_or_init(|| Methods(*(*file).pMethods));
            let faulty = FAULTY.get_or_init(|| {
                let mut methods = original.0;
                methods.xWrite = Some(write);
                methods.xTruncate = Some(truncate);
                methods.xSync = Some(sync);
                Methods(methods)
            });
            assert_eq!((*(*file).pMethods).xRead, original.0.xRead);
            (*file).pMethods = &raw const faulty.0;
        }
        opened
    }
}

unsafe extern "C" fn write(
    file: *mut ffi::sqlite3_file,
    bytes: *const c_void,
    length: c_int,
    offset: ffi::sqlite3_int64,
) -> c_int {
    if fails() {
        return code(ffi::SQLITE_IOERR_WRITE);
    }
    // SAFETY: SQLite's own arguments, handed on.
    unsafe { ORIGINAL.get().unwrap().0.xWrite.unwrap()(file, bytes, length, offset) }
}

unsafe extern "C" fn truncate(file: *mut ffi::sqlite3_file, size: ffi::sqlite3_int64) -> c_int {
    if fails() {
        return code(ffi::SQLITE_IOERR_TRUNCATE);
    }
    // SAFETY: SQLite's own arguments, handed on.
    unsafe { ORIGINAL.get().unwrap().0.xTruncate.unwrap()(file, size) }
}

unsafe extern "C" fn sync(file: *mut ffi::sqlite3_file, flags: c_int) -> c_int {
    if fails() {
        return code(ffi::SQLITE_IOERR_FSYNC);
    }
    // SAFETY: SQLite's own arguments, handed on.
    unsafe { ORIGINAL.get().unwrap().0.xSync.unwrap()(file, flags) }
}
