/* powercut: a library for LD_PRELOAD that breaks the disk under one process, or sets its clock, for tests.
 *
 * It acts on regular files whose absolute path begins with $YAOKI_SHIM_ROOT, and does nothing where that is unset.
 *
 *   YAOKI_SHIM_FAIL=sync:N:EIO       the N-th sync (or `write`) and every later one fails with EIO (or ENOSPC).
 *   YAOKI_SHIM_CUT=N                 the power is cut in place of the N-th write or sync.
 *   YAOKI_SHIM_CUT_FILE=PATH         the power is cut at the first intercepted call that finds this file.
 *
 *   YAOKI_SHIM_AHEAD=SECONDS         the wall clock is so far ahead, on any file or none: days pass between two starts.
 *
 * A power cut undoes everything written to the tracked files since the last successful sync of each, as if none of it had
 * left the page cache, and ends the process with SIGKILL. A file created and never synced stays, empty.
 *
 * How: before a write or truncation, the bytes it replaces and the old length are kept, per inode; a sync drops them; a cut
 * puts them back, newest first. Inodes are found by fstat, so that dup and rename need no care here. One mutex holds each
 * call on a tracked file whole, so no write can slip past a sync or a cut.
 *
 * Not modelled: torn writes and reordering within the lost part, lost renames and unlinks, writes through mmap (SQLite's
 * -shm, which it rebuilds), and copy_file_range or sendfile: what these write counts as synced. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

/* Undoing a change: put `bytes` back at `offset`, then give the file its old length. */
struct change { struct change *older; off_t offset, old_length; size_t count; char bytes[]; };

/* A tracked file. Our own descriptor stays open for ever: the process may close all of its own before the cut, and
 * closing ours would drop the process's POSIX locks on the file. It also keeps the inode number from being used again. */
struct file { struct file *next; dev_t device; ino_t inode; int descriptor; struct change *newest; };

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static struct file *files;
static const char *root, *cut_file;
static char fail_what; /* 's'ync, 'w'rite, or 0 */
static long fail_at, fail_seen, cut_at, cut_seen;
static int fail_errno;

static int (*real_openat)(int, const char *, int, ...);
static ssize_t (*real_write)(int, const void *, size_t);
static ssize_t (*real_writev)(int, const struct iovec *, int);
static ssize_t (*real_pwrite)(int, const void *, size_t, off_t);
static int (*real_ftruncate)(int, off_t), (*real_fsync)(int), (*real_fdatasync)(int);

static void die(const char *why) { /* a shim that fails in silence would make every test pass */
    dprintf(2, "powercut: %s\n", why);
    abort();
}

static void start(void) {
    *(void **)&real_openat = dlsym(RTLD_NEXT, "openat");
    *(void **)&real_write = dlsym(RTLD_NEXT, "write");
    *(void **)&real_writev = dlsym(RTLD_NEXT, "writev");
    *(void **)&real_pwrite = dlsym(RTLD_NEXT, "pwrite64");
    *(void **)&real_ftruncate = dlsym(RTLD_NEXT, "ftruncate64");
    *(void **)&real_fsync = dlsym(RTLD_NEXT, "fsync");
    *(void **)&real_fdatasync = dlsym(RTLD_NEXT, "fdatasync");
    root = getenv("YAOKI_SHIM_ROOT");
    if (root && !*root) root = NULL;
    cut_file = getenv("YAOKI_SHIM_CUT_FILE");
    const char *cut = getenv("YAOKI_SHIM_CUT"), *fail = getenv("YAOKI_SHIM_FAIL");
    if (cut && (cut_at = atol(cut)) < 1) die("YAOKI_SHIM_CUT must be a number from 1");
    if (!fail) return;
    char what[8], with[8];
    if (sscanf(fail, "%7[a-z]:%ld:%7[A-Z]", what, &fail_at, with) != 3 || fail_at < 1)
        die("YAOKI_SHIM_FAIL must be sync|write:N:EIO|ENOSPC with N from 1");
    if (strcmp(what, "sync") && strcmp(what, "write")) die("YAOKI_SHIM_FAIL must begin with sync or write");
    if (strcmp(with, "EIO") && strcmp(with, "ENOSPC")) die("YAOKI_SHIM_FAIL must end with EIO or ENOSPC");
    fail_what = what[0];
    fail_errno = strcmp(with, "EIO") ? ENOSPC : EIO;
}

/* The power is cut. Called with the mutex held, which is never given back. */
static void cut_power(void) {
    for (struct file *file = files; file; file = file->next)
        for (struct change *change = file->newest; change; change = change->older) {
            if (change->count && real_pwrite(file->descriptor, change->bytes, change->count, change->offset)
                    != (ssize_t)change->count) die("cannot put back what was overwritten");
            if (real_ftruncate(file->descriptor, change->old_length)) die("cannot put back the old length");
        }
    kill(getpid(), SIGKILL);
    for (;;) pause();
}

static void enter(void) {
    pthread_once(&once, start);
    if (!root) return;
    pthread_mutex_lock(&mutex);
    if (cut_file && access(cut_file, F_OK) == 0) cut_power();
}

static void leave(void) {
    int kept = errno;
    if (root) pthread_mutex_unlock(&mutex);
    errno = kept;
}

static struct file *find(int descriptor, struct stat *status) {
    if (!root || fstat(descriptor, status) || !S_ISREG(status->st_mode)) return NULL;
    struct file *file = files;
    while (file && !(file->device == status->st_dev && file->inode == status->st_ino)) file = file->next;
    return file;
}

/* Begins to track the file behind a descriptor, if its path is ours. What it holds by now counts as synced. */
static void track(int descriptor) {
    struct stat status;
    char link[40], path[4096];
    if (find(descriptor, &status) || !S_ISREG(status.st_mode)) return;
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return;
    path[length] = 0;
    if (strncmp(path, root, strlen(root)) || (length > 4 && !strcmp(path + length - 4, "-shm"))) return;
    int own = real_openat(AT_FDCWD, link, O_RDWR | O_CLOEXEC);
    if (own < 0) return; /* we may not write it, so the process doesn't either */
    struct file *file = calloc(1, sizeof *file);
    if (!file) die("out of memory");
    *file = (struct file){files, status.st_dev, status.st_ino, own, NULL};
    files = file;
}

/* Keeps what a change of `count` bytes at `offset` replaces: bytes past the end need no copy, the length undoes them. */
static void keep(struct file *file, off_t offset, off_t count, off_t length) {
    off_t replaced = offset >= length ? 0 : count < length - offset ? count : length - offset;
    struct change *change = malloc(sizeof *change + replaced);
    if (!change) die("out of memory");
    *change = (struct change){file->newest, offset, length, replaced};
    if (pread(file->descriptor, change->bytes, replaced, offset) != replaced) die("cannot read what is overwritten");
    file->newest = change;
}

static void forget(struct file *file) {
    for (struct change *older; file->newest; file->newest = older) {
        older = file->newest->older;
        free(file->newest);
    }
}

/* Counts a write ('w') or sync ('s') of a tracked file. Cuts the power, or says that the call must fail. */
static int must_fail(char what) {
    if (cut_at && ++cut_seen >= cut_at) cut_power();
    if (fail_what != what || ++fail_seen < fail_at) return 0;
    errno = fail_errno;
    return 1;
}

/* Begins a call on `descriptor`. The mutex is held from here on if, and only if, the file is tracked: a write to a full pipe
 * must be able to wait without stopping everyone else. */
static struct file *begin(int descriptor, struct stat *status) {
    enter();
    struct file *file = find(descriptor, status);
    if (!file) leave();
    return file;
}

/* Before a write at `offset`, or at the descriptor's own place for -1. Nonzero: the call must fail. */
static int before_write(struct file *file, int descriptor, off_t count, off_t offset, off_t length) {
    if (must_fail('w')) return 1;
    if (fcntl(descriptor, F_GETFL) & O_APPEND) offset = length;
    else if (offset < 0) offset = lseek(descriptor, 0, SEEK_CUR);
    keep(file, offset, count, length);
    return 0;
}

#define WRITE(descriptor, count, offset, real) \
    struct stat status; \
    struct file *file = begin(descriptor, &status); \
    if (!file) return real; \
    ssize_t result = before_write(file, descriptor, count, offset, status.st_size) ? -1 : real; \
    leave(); \
    return result

ssize_t write(int d, const void *bytes, size_t n) { WRITE(d, n, -1, real_write(d, bytes, n)); }
ssize_t pwrite64(int d, const void *bytes, size_t n, off_t at) { WRITE(d, n, at, real_pwrite(d, bytes, n, at)); }
ssize_t pwrite(int d, const void *bytes, size_t n, off_t at) { WRITE(d, n, at, real_pwrite(d, bytes, n, at)); }
ssize_t writev(int d, const struct iovec *parts, int count) {
    off_t n = 0;
    for (int i = 0; i < count; i++) n += parts[i].iov_len;
    WRITE(d, n, -1, real_writev(d, parts, count));
}

int ftruncate64(int d, off_t length) {
    struct stat status;
    struct file *file = begin(d, &status);
    if (!file) return real_ftruncate(d, length);
    int result = -1;
    if (!must_fail('w')) {
        keep(file, length, status.st_size, status.st_size);
        result = real_ftruncate(d, length);
    }
    leave();
    return result;
}
int ftruncate(int d, off_t length) { return ftruncate64(d, length); }

static int sync_file(int d, int (**real)(int)) { /* by address: begin() is what looks the real one up */
    struct stat status;
    struct file *file = begin(d, &status);
    if (!file) return (*real)(d);
    int result = must_fail('s') ? -1 : (*real)(d);
    if (result == 0) forget(file);
    leave();
    return result;
}
int fsync(int d) { return sync_file(d, &real_fsync); }
int fdatasync(int d) { return sync_file(d, &real_fdatasync); }

/* Opening with O_TRUNC is opening, then truncating: so the lost content can be kept like any other. */
static int open_tracked(int folder, const char *path, int flags, mode_t mode) {
    enter();
    leave();
    int truncates = root && (flags & O_TRUNC) && (flags & O_ACCMODE) != O_RDONLY;
    int descriptor = real_openat(folder, path, truncates ? flags & ~O_TRUNC : flags, mode);
    if (!root || descriptor < 0 || (flags & O_PATH)) return descriptor;
    pthread_mutex_lock(&mutex);
    track(descriptor);
    leave();
    struct stat status;
    if (!truncates || fstat(descriptor, &status) || !S_ISREG(status.st_mode) || !status.st_size) return descriptor;
    if (ftruncate64(descriptor, 0) == 0) return descriptor;
    int kept = errno;
    close(descriptor);
    errno = kept;
    return -1;
}

#define MODE(flags) \
    mode_t mode = 0; \
    if ((flags) & (O_CREAT | __O_TMPFILE)) { va_list rest; va_start(rest, flags); mode = va_arg(rest, mode_t); va_end(rest); }
int openat64(int folder, const char *path, int flags, ...) { MODE(flags) return open_tracked(folder, path, flags, mode); }
int openat(int folder, const char *path, int flags, ...) { MODE(flags) return open_tracked(folder, path, flags, mode); }
int open64(const char *path, int flags, ...) { MODE(flags) return open_tracked(AT_FDCWD, path, flags, mode); }
int open(const char *path, int flags, ...) { MODE(flags) return open_tracked(AT_FDCWD, path, flags, mode); }
int creat(const char *path, mode_t mode) { return open_tracked(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode); }

/* The clock. It may be asked for before `start` has run, so it finds what it needs by itself. */
int clock_gettime(clockid_t clock, struct timespec *told) {
    static int (*real)(clockid_t, struct timespec *);
    if (!real) *(void **)&real = dlsym(RTLD_NEXT, "clock_gettime");
    int result = real(clock, told);
    const char *ahead = clock == CLOCK_REALTIME ? getenv("YAOKI_SHIM_AHEAD") : NULL;
    if (!result && ahead) told->tv_sec += atol(ahead);
    return result;
}
