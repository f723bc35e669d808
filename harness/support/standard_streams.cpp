#include "harness/support/standard_streams.h"

#include <fcntl.h>
#include <unistd.h>

namespace connbench {

void prepare_standard_streams() noexcept {
  int fd = 0;
  do fd = ::open("/dev/null", O_RDONLY);
  while (fd >= 0 && fd <= STDERR_FILENO);
  if (fd >= 0) ::close(fd);
  for (const int signal : {SIGPIPE, SIGXFSZ}) ::signal(signal, SIG_IGN);
}

}  // namespace connbench
