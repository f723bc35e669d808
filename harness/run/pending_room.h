// How many attempts to connect to a silent host this machine can hold pending, and what bounds that number.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "harness/machine/machine.h"

namespace connbench {

/// What one attempt in SYN_SENT costs the kernel.
struct PendingCost {
  double slab_bytes;  ///< socket, file, inode, dentry, timers, and the SYN that is kept for retransmission
  double tcp_pages;   ///< pages that count against net.ipv4.tcp_mem
  bool measured;      ///< on this machine, just now
};
/// As measured on Linux 6.18, x86-64: 4,989 to 5,014 bytes, with 150,000 and with 500,000 attempts; and one page for
/// the SYN.
inline constexpr PendingCost usual_pending_cost{.slab_bytes = 5'000, .tcp_pages = 1, .measured = false};
/// Measures the cost by holding some thousand attempts in a lab's blackhole for a moment. Call it while the process has
/// one thread.
/// @return nullopt when a lab cannot be made, descriptors are too few, or the machine was too busy for a plausible
/// result
std::optional<PendingCost> measure_pending_cost();

/// The user memory that one pending attempt may take, including its sample, in bytes. scale_bench checks that `epoll`
/// and `io-uring` stay below it.
inline constexpr double pending_user_bytes = 264;

/// How many attempts can be pending in one descriptor table.
Limit pending_by_descriptors();
/// Reads the machine's net.ipv4.tcp_mem and remembers it. Only the initial network namespace shows it, so call this
/// before entering a lab, and again when it has changed.
void note_tcp_memory();
/// How many pages TCP may have to have while so many attempts are pending, with those that it has now. nullopt when
/// that cannot be read.
std::optional<uint64_t> tcp_pages_for(size_t attempts);
/// How many more the TCP memory of the whole machine allows. nullopt when the limit cannot be read.
std::optional<Limit> pending_by_tcp_memory(const PendingCost& cost);
/// How many the free memory allows. nullopt when it cannot be read.
std::optional<Limit> pending_by_memory(const PendingCost& cost);
/// How many descriptors this user can watch with epoll. nullopt when there is no such limit.
std::optional<Limit> pending_by_epoll_watches();
/// The ephemeral ports × the addresses of the lab's blackhole. nullopt when the former cannot be read.
std::optional<Limit> pending_by_ports();

/// All of these except the descriptors: the bounds that hold however many shards there are.
std::vector<Limit> pending_limits(const PendingCost& cost);

}  // namespace connbench
