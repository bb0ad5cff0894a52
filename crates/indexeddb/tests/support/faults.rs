//! A disk that fails on command: SQLite's own file layer, whose writes, truncations and syncs fail from a chosen one on.

#![allow(unsafe_code, reason = "SQLite's file layer is a table of C functions")]

use rusqlite::ffi;
use std::ffi::{CStr, c_int, c_void};
use std::ptr;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, OnceLock};

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

static PART_OF_PATH: OnceLock<&str> = OnceLock::new();
static ORIGINAL_OPEN: OnceLock<OpenFunction> = OnceLock::new();
static ORIGINAL: OnceLock<Methods> = OnceLock::new();
/// The failing copy of each table of methods: databases, which are locked, have another one than logs.
static FAULTY: Mutex<Vec<(usize, &Methods)>> = Mutex::new(Vec::new());

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

/// Puts the failing disk under every database of this process that is opened from now on and has this in its path.
pub(crate) fn install(part_of_path: &'static str) {
    PART_OF_PATH.set(part_of_path).expect("installed once");
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
    // SAFETY: SQLite's own arguments, handed on to the function that they were meant for; a name ends with a zero. A file that was opened has a
    // table of methods, which is replaced by a copy of it; all tables of the layer write, truncate and sync alike.
    unsafe {
        let opened = ORIGINAL_OPEN.get().unwrap()(vfs, name, file, flags, out_flags);
        // Files without a name are SQLite's own, for a moment.
        let path = if name.is_null() { c"" } else { CStr::from_ptr(name) }.to_string_lossy();
        let is_wanted = path.contains(PART_OF_PATH.get().copied().unwrap_or_default());
        if opened == ffi::SQLITE_OK && is_wanted && !(*file).pMethods.is_null() {
            let address = (*file).pMethods as usize;
            let own = *(*file).pMethods;
            ORIGINAL.get_or_init(|| Methods(own));
            let mut all = FAULTY.lock().unwrap();
            let known = all.iter().find(|(original, _)| *original == address).map(|(_, faulty)| *faulty);
            let faulty = known.unwrap_or_else(|| {
                let mut methods = own;
                methods.xWrite = Some(write);
                methods.xTruncate = Some(truncate);
                methods.xSync = Some(sync);
                let faulty: &Methods = Box::leak(Box::new(Methods(methods)));
                all.push((address, faulty));
                faulty
            });
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
