#include "harness/machine/cpu_accounting.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/utsname.h>
#include <time.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <utility>

#include "harness/support/proc_file.h"
#include "harness/support/unique_fd.h"

namespace connbench {
namespace {

// Sending to oneself over loopback spends a third of its time or more in softirqs, so without them CPU time is at most
// two thirds of wall time.
constexpr double kept_the_processor = 0.9;

constexpr int bursts_sent = 50;
constexpr int packets = 64;  // small enough for the default receive buffer

Duration cpu_time_of_thread() noexcept {
  timespec t{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return std::chrono::seconds(t.tv_sec) + std::chrono::nanoseconds(t.tv_nsec);
}

// A UDP socket that is its own peer.
UniqueFd echo_socket() noexcept {
  UniqueFd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  sockaddr_in self{};
  self.sin_family = AF_INET;
  self.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof self;
  auto* address = reinterpret_cast<sockaddr*>(&self);
  const bool made = socket && ::bind(socket.get(), address, size) == 0 &&
                    ::getsockname(socket.get(), address, &size) == 0 && ::connect(socket.get(), address, size) == 0;
  return made ? std::move(socket) : UniqueFd(-1);
}

Burst send_burst(int socket) noexcept {
  char byte = 0;
  const TimePoint began = now();
  const Duration cpu_before = cpu_time_of_thread();
  for (int i = 0; i < packets; ++i) (void)!::send(socket, &byte, 1, 0);
  const Duration cpu = cpu_time_of_thread() - cpu_before;
  const Duration wall = now() - began;
  int arrived = 0;
  while (::recv(socket, &byte, 1, 0) == 1) ++arrived;
  return {.cpu = cpu, .wall = wall, .handled_at_once = arrived == packets};
}

// The lines of the kernel's configuration that mention interrupts, from where the kernel or its package put it. gzip
// reads /proc/config.gz, which spares a library for one line.
std::string kernel_configuration() {
  utsname name;
  if (::uname(&name) != 0) return "";
  if (auto text = read_text(std::string("/boot/config-") + name.release)) return *std::move(text);
  FILE* lines = ::popen("exec 2>/dev/null; gzip -dc /proc/config.gz | grep -F _IRQ", "re");
  if (lines == nullptr) return "";
  std::string text;
  std::array<char, 4096> buffer;
  while (const size_t length = std::fread(buffer.data(), 1, buffer.size(), lines)) text.append(buffer.data(), length);
  ::pclose(lines);
  return text;
}

}  // namespace

std::optional<bool> contains_softirqs(std::span<const Burst> bursts) noexcept {
  std::optional<double> most;
  for (const Burst& burst : bursts) {
    if (!burst.handled_at_once || burst.wall <= Duration::zero()) continue;
    const double share = static_cast<double>(burst.cpu.count()) / static_cast<double>(burst.wall.count());
    most = std::max(most.value_or(0), share);
  }
  return most ? std::optional(*most > kept_the_processor) : std::nullopt;
}

std::optional<bool> process_time_contains_softirqs() noexcept {
  const UniqueFd socket = echo_socket();
  if (!socket) return std::nullopt;
  std::array<Burst, bursts_sent> bursts;
  for (Burst& burst : bursts) burst = send_burst(socket.get());
  return contains_softirqs(bursts);
}

std::optional<std::string> irq_time_accounting(std::string_view config) {
  if (config.find("CONFIG_IRQ_TIME_ACCOUNTING=y") != std::string_view::npos) return "y";
  if (config.find("CONFIG_") != std::string_view::npos) return "n";
  return std::nullopt;
}

nlohmann::ordered_json describe_cpu_accounting() {
  const std::optional<bool> contained = process_time_contains_softirqs();
  const std::optional<std::string> configured = irq_time_accounting(kernel_configuration());
  return {{"softirqs_in_process_time", contained ? nlohmann::ordered_json(*contained) : nullptr},
          {"config_irq_time_accounting", configured ? nlohmann::ordered_json(*configured) : nullptr}};
}

}  // namespace connbench
