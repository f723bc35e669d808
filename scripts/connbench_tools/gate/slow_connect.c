/* For LD_PRELOAD in the gate's self-test: makes connect() slower by SLOW_CONNECT_NS. It spins after the call instead of
 * sleeping, because slower code would cost CPU time, too. io_uring connects inside the kernel and never calls this
 * function. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>

typedef int connect_function(int, const struct sockaddr *, socklen_t);

static connect_function *real_connect;
static int64_t spin_ns;

__attribute__((constructor)) static void prepare(void) {
  const char *given = getenv("SLOW_CONNECT_NS");
  spin_ns = given ? strtoll(given, NULL, 10) : 0;
  real_connect = (connect_function *)dlsym(RTLD_NEXT, "connect");
}

static int64_t now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int connect(int fd, const struct sockaddr *address, socklen_t length) {
  const int result = real_connect(fd, address, length);
  const int error = errno;
  if (spin_ns > 0) {
    const int64_t until = now_ns() + spin_ns;
    while (now_ns() < until) {
    }
  }
  errno = error;
  return result;
}
