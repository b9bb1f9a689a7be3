/*
 * Preloaded into a process under test: the n-th sync of a file fails with EIO, once, and later
 * ones succeed again, as a real disk does after it has dropped what it could not write. A write
 * through a descriptor that was opened with O_DSYNC is a sync, too: its bytes reach the cache.
 * FAIL_SYNC: which one fails, from 1. FAIL_PATH: a part of the path that the file must have.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int seen = 0;

static int fails(int fd) {
  const char *which = getenv("FAIL_SYNC"), *part = getenv("FAIL_PATH");
  if (which == NULL || part == NULL) return 0;
  char link[64], path[4096];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length < 0) return 0;
  path[length] = 0;
  if (strstr(path, part) == NULL) return 0;
  return __sync_add_and_fetch(&seen, 1) == atoi(which);
}

int fdatasync(int fd) {
  static int (*real)(int) = NULL;
  if (real == NULL) real = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
  if (fails(fd)) {
    errno = EIO;
    return -1;
  }
  return real(fd);
}

int fsync(int fd) {
  static int (*real)(int) = NULL;
  if (real == NULL) real = (int (*)(int))dlsym(RTLD_NEXT, "fsync");
  if (fails(fd)) {
    errno = EIO;
    return -1;
  }
  return real(fd);
}

static ssize_t written(const char *name, int fd, const void *bytes, size_t count, off_t at) {
  ssize_t (*real)(int, const void *, size_t, off_t) = (ssize_t(*)(int, const void *, size_t, off_t))dlsym(RTLD_NEXT, name);
  ssize_t done = real(fd, bytes, count, at);
  int flags = fcntl(fd, F_GETFL);
  if (flags >= 0 && (flags & O_DSYNC) != 0 && fails(fd)) {
    errno = EIO;
    return -1;
  }
  return done;
}

ssize_t pwrite(int fd, const void *bytes, size_t count, off_t at) { return written("pwrite", fd, bytes, count, at); }

ssize_t pwrite64(int fd, const void *bytes, size_t count, off_t at) { return written("pwrite64", fd, bytes, count, at); }
