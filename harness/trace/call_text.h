// Describes system calls as text: the arguments that matter for a connect, and the result.
#pragma once

#include <sys/types.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "harness/connector/endpoint.h"

namespace connbench::trace {

/// The memory of a stopped process that is being traced.
class Memory {
 public:
  virtual ~Memory() = default;
  /// Reads as much of [address, address + length) as is readable and returns that number of bytes.
  virtual size_t read(uint64_t address, void* into, size_t length) const = 0;
};

using Arguments = std::array<uint64_t, 6>;

/// The description of a call.
struct CallText {
  std::string name;
  std::string arguments;
  bool shown;  ///< as SystemCall::shown
};

/// Describes system call `number` (in this machine's numbering) at its entry.
CallText describe_entry(int64_t number, const Arguments& arguments, const Memory& memory);

/// Describes its return with `value` (negative: -errno).
std::string describe_return(int64_t number, const Arguments& arguments, int64_t value, const Memory& memory);

/// Reads a socket address from that memory; nullopt when it is not IPv4 or IPv6.
std::optional<Endpoint> read_endpoint(const Memory& memory, uint64_t address, size_t length);

/// "ECONNREFUSED"
std::string error_name(int error);

}  // namespace connbench::trace
