/* Remembers what a process has synced: at each fsync of a file beneath $POWER_FROM whose name begins with $POWER_NAME, the
   file as it is then is copied to $POWER_TO. What is there after a kill is what a power cut would have left at the least.
   Loaded before the C library with LD_PRELOAD, so the program under test is the real one. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The file is written beside its place and renamed: a kill in the middle leaves the copy of the sync before. */
static void keep(int fd) {
  const char *from = getenv("POWER_FROM"), *to = getenv("POWER_TO"), *name = getenv("POWER_NAME");
  char link[64], path[PATH_MAX], part[PATH_MAX + 64], whole[PATH_MAX + 32], bytes[65536];
  if (from == NULL || to == NULL || name == NULL) return;
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length <= 0) return;
  path[length] = 0;
  size_t from_length = strlen(from);
  if (strncmp(path, from, from_length) != 0 || path[from_length] != '/') return;
  const char *file = path + from_length + 1;
  if (strncmp(file, name, strlen(name)) != 0) return;
  snprintf(whole, sizeof whole, "%s/%s", to, file);
  snprintf(part, sizeof part, "%s.%ld", whole, (long)gettid());
  int out = open(part, O_WRONLY | O_CREAT | O_TRUNC, 0600);
  if (out < 0) abort();
  off_t at = 0;
  for (ssize_t got; (got = pread(fd, bytes, sizeof bytes, at)) > 0; at += got)
    if (write(out, bytes, (size_t)got) != got) abort();
  if (close(out) != 0 || rename(part, whole) != 0) abort();
}

int fsync(int fd) {
  int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fsync");
  int result = real(fd);
  if (result == 0) keep(fd);
  return result;
}

int fdatasync(int fd) {
  int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
  int result = real(fd);
  if (result == 0) keep(fd);
  return result;
}
