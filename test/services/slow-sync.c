/*
 * Makes every sync to disk take SLOW_SYNC_US longer, and counts them in the file SLOW_SYNC_COUNT.
 * For LD_PRELOAD.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

static long *count;

__attribute__((constructor)) static void start(void) {
  int fd = open(getenv("SLOW_SYNC_COUNT"), O_RDWR);
  count = mmap(0, sizeof *count, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (count == MAP_FAILED) abort();
}

static int slowly(const char *name, int fd) {
  int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, name);
  usleep(atoi(getenv("SLOW_SYNC_US")));
  __sync_fetch_and_add(count, 1);
  return real(fd);
}

int fsync(int fd) { return slowly("fsync", fd); }
int fdatasync(int fd) { return slowly("fdatasync", fd); }
