// How many attempts this machine can hold pending at a host that never answers, and what bounds them.
#pragma once

#include <optional>
#include <vector>

#include "harness/machine/machine.h"

namespace connbench {

/// What the kernel keeps for one attempt in SYN_SENT.
struct PendingCost {
  double slab_bytes;  ///< socket, file, inode, dentry, timers, and the SYN that may have to be sent again
  double tcp_pages;   ///< what it counts against net.ipv4.tcp_mem
  bool measured;      ///< here and now
};
/// Of Linux 6.18 on x86-64: 4,989 to 5,014 bytes with 150,000 and with 500,000 of them, and the page of its SYN.
inline constexpr PendingCost usual_pending_cost{.slab_bytes = 5'000, .tcp_pages = 1, .measured = false};
/// Holds some thousand in the blackhole of a lab for a moment. nullopt: there can be no lab, or too few descriptors, or
/// the machine's figures moved too much meanwhile to be believed. To be called while there is one thread.
std::optional<PendingCost> measure_pending_cost();

/// What one pending attempt may take of the memory of the process, its sample included: scale_bench holds `epoll` and
/// `io-uring` to it.
inline constexpr double pending_user_bytes = 264;

/// Attempts that can be pending in one descriptor table.
Limit pending_by_descriptors();
/// Reads the machine's net.ipv4.tcp_mem, which is seen only in its first network namespace: to be called before a lab
/// is entered, or its bound is not known inside.
void note_tcp_memory();
/// How many the TCP of the whole machine can have beside what it has. nullopt: the kernel does not say.
std::optional<Limit> pending_by_tcp_memory(const PendingCost& cost);
std::optional<Limit> pending_by_memory(const PendingCost& cost);
/// What this user can watch with epoll. nullopt: no such limit here.
std::optional<Limit> pending_by_epoll_watches();
/// Ports of one address × addresses of the lab's blackhole.
Limit pending_by_ports();

/// All of them but the first: bounds that more shards do not lift.
std::vector<Limit> pending_limits(const PendingCost& cost);

}  // namespace connbench
