// System calls that fail in a program under test, as a container's seccomp profile or a full machine makes them fail.
#pragma once

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <vector>

#include "tests/bench/program.h"

namespace connbench {

/// Which calls fail: those with this number, and with this value (or these bits) in one argument.
struct FailingCall {
  unsigned number;
  int error;
  unsigned argument = 0;
  uint32_t mask = 0;  ///< of the argument's low half; 0: every call fails
  uint32_t value = 0;
};

/// From now on they fail with their errors. Between fork() and exec() (Program's `prepare`).
inline void fail(const std::vector<FailingCall>& calls) {
  std::vector<sock_filter> program;
  for (const FailingCall& call : calls) {
    const auto low_half = static_cast<uint32_t>(offsetof(seccomp_data, args) + 8 * call.argument);
    program.push_back(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)));
    program.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call.number, 0, 4));
    program.push_back(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, low_half));
    program.push_back(BPF_STMT(BPF_ALU | BPF_AND | BPF_K, call.mask));
    program.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call.value, 0, 1));
    program.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | static_cast<uint32_t>(call.error)));
  }
  program.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
  const sock_fprog filter{static_cast<unsigned short>(program.size()), program.data()};
  ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  if (::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) != 0) ::_exit(could_not_execute);
}

}  // namespace connbench
