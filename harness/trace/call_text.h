// System calls as text: the arguments that matter to a connect, and what came back.
#pragma once

#include <sys/types.h>

#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include "harness/connector/endpoint.h"

namespace connbench::trace {

/// Memory of a process that stands still while it is traced.
class Memory {
 public:
  virtual ~Memory() = default;
  /// As much of [address, address + length) as can be read; how much that is.
  virtual size_t read(uint64_t address, void* into, size_t length) const = 0;
};

using Arguments = std::array<uint64_t, 6>;

/// How a call is told.
struct CallText {
  std::string name;
  std::string arguments;
  bool told;  ///< as SystemCall::told
};

/// At the entry of system call `number` (of this machine's own numbers).
CallText describe_entry(int64_t number, const Arguments& arguments, const Memory& memory);

/// At its return with `value` (negative: -errno).
std::string describe_return(int64_t number, const Arguments& arguments, int64_t value, const Memory& memory);

/// A socket's address in that memory; nothing when it is of no IP family.
std::optional<Endpoint> read_endpoint(const Memory& memory, uint64_t address, size_t length);

/// "ECONNREFUSED"
std::string error_name(int error);

}  // namespace connbench::trace
