//! A file system for SQLite that fails on demand: the default one, with other
//! functions that write.

#![expect(
    unsafe_code,
    reason = "SQLite's file systems are tables of C functions"
)]

use std::ffi::{c_char, c_int, c_void};
use std::ptr;
use std::sync::atomic::{AtomicI32, AtomicI64, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use libsqlite3_sys::{
    SQLITE_IOERR_FSYNC, SQLITE_OK, sqlite3_file, sqlite3_io_methods, sqlite3_vfs, sqlite3_vfs_find,
    sqlite3_vfs_register,
};

/// Its name.
pub(crate) const NAME: &str = "faulty";

/// How many writes and synchronisations still succeed.
static LEFT: AtomicI64 = AtomicI64::new(i64::MAX);

/// The error code of the next ones.
static CODE: AtomicI32 = AtomicI32::new(SQLITE_OK);

/// The functions of the default file system, which are the same for all files.
static ORIGINAL: OnceLock<sqlite3_io_methods> = OnceLock::new();

/// The faulty file system, for one test at a time.
pub(crate) struct Faults {
    _alone: MutexGuard<'static, ()>,
}

impl Faults {
    /// Registers the file system, which does not fail yet.
    pub(crate) fn new() -> Self {
        static ALONE: Mutex<()> = Mutex::new(());
        static REGISTERED: OnceLock<()> = OnceLock::new();
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        REGISTERED.get_or_init(register);
        let faults = Self { _alone: alone };
        faults.end();
        faults
    }

    /// Makes all writes after the first `after` fail with this code.
    pub(crate) fn begin(&self, after: i64, code: c_int) {
        CODE.store(code, Ordering::SeqCst);
        LEFT.store(after, Ordering::SeqCst);
    }

    /// Makes all writes succeed. Returns whether one has failed.
    pub(crate) fn end(&self) -> bool {
        LEFT.swap(i64::MAX, Ordering::SeqCst) < 0
    }
}

impl Drop for Faults {
    fn drop(&mut self) {
        self.end();
    }
}

/// Returns the error code of this write, if it is to fail.
fn fault() -> Option<c_int> {
    let left = LEFT.fetch_sub(1, Ordering::SeqCst);
    (left <= 0).then(|| CODE.load(Ordering::SeqCst))
}

fn register() {
    // SAFETY: the default file system lives as long as the process, and its table
    // is a plain value that may be copied. The copy is never freed.
    let registered = unsafe {
        let mut vfs = ptr::read(sqlite3_vfs_find(ptr::null()));
        vfs.zName = c"faulty".as_ptr();
        vfs.pNext = ptr::null_mut();
        vfs.xOpen = Some(open);
        sqlite3_vfs_register(Box::into_raw(Box::new(vfs)), 0)
    };
    assert_eq!(registered, SQLITE_OK);
}

unsafe extern "C" fn open(
    _: *mut sqlite3_vfs,
    name: *const c_char,
    file: *mut sqlite3_file,
    flags: c_int,
    out_flags: *mut c_int,
) -> c_int {
    // SAFETY: SQLite allocates a file of the default file system, whose size
    // this table has; that file system fills it in.
    unsafe {
        let default = sqlite3_vfs_find(ptr::null());
        let Some(original) = (*default).xOpen else {
            return SQLITE_IOERR_FSYNC;
        };
        let opened = original(default, name, file, flags, out_flags);
        if opened == SQLITE_OK {
            (*file).pMethods = Box::into_raw(Box::new(faulty(&*(*file).pMethods)));
        }
        opened
    }
}

/// Returns the functions of a file, with those that write replaced.
fn faulty(methods: &sqlite3_io_methods) -> sqlite3_io_methods {
    // SAFETY: the table is a plain value that may be copied.
    let copy = || unsafe { ptr::read(methods) };
    ORIGINAL.get_or_init(copy);
    sqlite3_io_methods {
        xWrite: Some(write),
        xSync: Some(sync),
        xTruncate: Some(truncate),
        ..copy()
    }
}

fn original<F>(function: impl FnOnce(&sqlite3_io_methods) -> Option<F>) -> F {
    let function = ORIGINAL.get().and_then(function);
    function.expect("a file was opened")
}

unsafe extern "C" fn write(
    file: *mut sqlite3_file,
    bytes: *const c_void,
    amount: c_int,
    offset: i64,
) -> c_int {
    if let Some(code) = fault() {
        return code;
    }
    // SAFETY: SQLite passed the arguments, for a file of that kind.
    unsafe { original(|methods| methods.xWrite)(file, bytes, amount, offset) }
}

unsafe extern "C" fn sync(file: *mut sqlite3_file, flags: c_int) -> c_int {
    if let Some(code) = fault() {
        return code;
    }
    // SAFETY: as above.
    unsafe { original(|methods| methods.xSync)(file, flags) }
}

unsafe extern "C" fn truncate(file: *mut sqlite3_file, size: i64) -> c_int {
    if let Some(code) = fault() {
        return code;
    }
    // SAFETY: as above.
    unsafe { original(|methods| methods.xTruncate)(file, size) }
}
