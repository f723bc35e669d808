#include "harness/run/tcp_memory.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string_view>

#include "harness/connector/endpoint.h"
#include "harness/machine/machine.h"
#include "harness/run/pending_room.h"
#include "harness/support/proc_file.h"

namespace connbench {
namespace {

constexpr const char* name = "net.ipv4.tcp_mem";
constexpr const char* path = "/proc/sys/net/ipv4/tcp_mem";

// Returns 0 or errno.
int write_value(const std::string& value) {
  const UniqueFd file(::open(path, O_WRONLY | O_CLOEXEC));
  return !file || ::write(file.get(), value.data(), value.size()) < 0 ? errno : 0;
}

// "287898\t383867\t575796" → "287898 383867 575796".
std::string read_value() {
  const std::string text = sysctl(name).value_or("");
  std::string words;
  for (size_t i = 0; i < 3; ++i) words += fmt::format("{}{}", i == 0 ? "" : " ", word(text, i));
  return words;
}

void restore(const std::string& before, const std::string& raised) {
  if (read_value() == raised) write_value(before);
}

// A name in the abstract namespace, which its last holder takes with it.
UniqueFd take_turn() {
  const Endpoint place = Endpoint::abstract_unix("connbench-tcp_mem");
  UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!socket || ::bind(socket.get(), place.address(), place.size()) != 0)
    throw CannotRaise{fmt::format("another run has raised {}: wait until it has ended", name)};
  return socket;
}

}  // namespace

TcpMemory::TcpMemory(size_t pending) {
  const auto needed = tcp_pages_for(pending);
  before_ = read_value();
  const int64_t allowed = leading_number(word(before_, 2));
  if (!needed || allowed < 0) throw CannotRaise{fmt::format("{} cannot be read", name)};
  if (*needed <= static_cast<uint64_t>(allowed)) return;
  // The first two numbers are where TCP begins to save memory, which would change what is measured.
  const std::string wanted = fmt::format("{} {} {}", *needed, *needed, *needed + *needed / 4);
  lock_ = take_turn();
  restore_ = std::make_unique<AfterDeath>([this, wanted] { restore(before_, wanted); });
  if (const int error = write_value(wanted); error != 0) {
    restore_.reset();
    throw CannotRaise{
        fmt::format("{} cannot be set here: {}. As root: sysctl -w {}='{}'", name, std::strerror(error), name, wanted)};
  }
  raised_ = read_value();
  note_tcp_memory();
}

TcpMemory::~TcpMemory() {
  if (is_raised()) restore(before_, raised_);
}

std::string TcpMemory::describe() const {
  return fmt::format("{} is '{}' during this run, instead of '{}'", name, raised_, before_);
}

}  // namespace connbench
