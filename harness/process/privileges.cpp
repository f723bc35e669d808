#include "harness/process/privileges.h"

#include <linux/capability.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "harness/support/unique_fd.h"

namespace connbench {

void drop_capabilities() {
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3]{};
  checked(static_cast<int>(::syscall(SYS_capset, &header, none)), "capset");
}

}  // namespace connbench
