/* For LD_PRELOAD: each connect() makes one more getsockopt() on its socket, like a careless change. Built with
   -DALLOCATE=N, it keeps N bytes of memory instead. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

int connect(int fd, const struct sockaddr* address, socklen_t size) {
  static int (*real)(int, const struct sockaddr*, socklen_t);
  if (!real) real = (int (*)(int, const struct sockaddr*, socklen_t))dlsym(RTLD_NEXT, "connect");
#ifdef ALLOCATE
  static void* volatile kept; /* volatile, else the compiler removes the allocation */
  kept = memset(malloc(ALLOCATE), 1, ALLOCATE);
#else
  int type;
  socklen_t length = sizeof type;
  getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &length);
#endif
  return real(fd, address, size);
}
