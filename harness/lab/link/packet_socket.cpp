#include "harness/lab/link/packet_socket.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <net/if.h>
#include <sys/socket.h>

#include <algorithm>
#include <atomic>

namespace connbench::lab {
namespace {

// A slot holds any frame of an interface with an MTU of 1,500; the ring holds a burst of 8,192 connects.
constexpr uint32_t slot_size = 2048;
constexpr uint32_t slots = 8192;
constexpr uint32_t block_size = 64 << 10;  // physically contiguous, so it must stay small enough for the kernel to find

template <class Value>
void set_option(int fd, int option, const Value& value, const char* call) {
  checked(::setsockopt(fd, SOL_PACKET, option, &value, sizeof value), call);
}

/// Protocol 0 receives nothing until the socket is bound: no frame may arrive before the ring exists.
int make_socket() {
  return checked(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0), "socket(AF_PACKET)");
}

Mapping map_ring(int fd, PacketSocket::Sees sees) {
  set_option(fd, PACKET_VERSION, int{TPACKET_V2}, "setsockopt(PACKET_VERSION)");
  // Frames sent by this namespace's own stack are not meant for the other end. (Frames sent on this socket are never
  // captured.)
  if (sees == PacketSocket::Sees::arriving)
    set_option(fd, PACKET_IGNORE_OUTGOING, 1, "setsockopt(PACKET_IGNORE_OUTGOING)");
  const tpacket_req ring{.tp_block_size = block_size,
                         .tp_block_nr = slots / (block_size / slot_size),
                         .tp_frame_size = slot_size,
                         .tp_frame_nr = slots};
  set_option(fd, PACKET_RX_RING, ring, "setsockopt(PACKET_RX_RING)");
  return Mapping(size_t{slot_size} * slots, fd);
}

void bind_to(int fd, const char* interface) {
  sockaddr_ll address{};
  address.sll_family = AF_PACKET;
  address.sll_protocol = htons(ETH_P_ALL);
  address.sll_ifindex = static_cast<int>(::if_nametoindex(interface));
  if (address.sll_ifindex == 0) throw std::system_error(errno, std::generic_category(), interface);
  checked(::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address), "bind(AF_PACKET)");
}

}  // namespace

PacketSocket::PacketSocket(const char* interface, Sees sees) : fd_(make_socket()), ring_(map_ring(fd_.get(), sees)) {
  bind_to(fd_.get(), interface);
}

tpacket2_hdr& PacketSocket::slot() const noexcept {
  return *reinterpret_cast<tpacket2_hdr*>(ring_.bytes() + size_t{slot_size} * next_);
}

bool PacketSocket::has_frame() const noexcept {
  return (std::atomic_ref(slot().tp_status).load(std::memory_order_acquire) & TP_STATUS_USER) != 0;
}

std::optional<PacketSocket::Frame> PacketSocket::next() const noexcept {
  if (!has_frame()) return std::nullopt;
  const tpacket2_hdr& at = slot();
  const auto* const bytes = reinterpret_cast<const uint8_t*>(&at) + at.tp_mac;
  return Frame{.bytes = {bytes, at.tp_snaplen},
               .stamp = std::chrono::seconds(at.tp_sec) + Duration(at.tp_nsec),
               .intact = at.tp_snaplen == at.tp_len && (at.tp_status & TP_STATUS_VLAN_VALID) == 0};
}

void PacketSocket::release() noexcept {
  std::atomic_ref(slot().tp_status).store(TP_STATUS_KERNEL, std::memory_order_release);
  next_ = (next_ + 1) % slots;
}

uint64_t PacketSocket::take_drops() noexcept {
  tpacket_stats read{};  // reading resets the counters
  socklen_t size = sizeof read;
  return ::getsockopt(fd_.get(), SOL_PACKET, PACKET_STATISTICS, &read, &size) == 0 ? read.tp_drops : 0;
}

void PacketSocket::clear_error() noexcept {
  int error = 0;
  socklen_t size = sizeof error;
  ::getsockopt(fd_.get(), SOL_SOCKET, SO_ERROR, &error, &size);
}

}  // namespace connbench::lab
