#include "harness/lab/capture.h"

#include <fmt/format.h>
#include <net/if_arp.h>
#include <netpacket/packet.h>
#include <pcap/pcap.h>
#include <pcap/sll.h>
#include <poll.h>
#include <signal.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <utility>
#include <vector>

namespace connbench::lab {
namespace {

constexpr int snapshot_bytes = 512;  // headers and a greeting; each packet takes this much of the kernel's buffer
constexpr int buffer_bytes = 32 << 20;
constexpr int look_every_ms = 10;  // how often to check `finish`

struct ClosePcap {
  void operator()(pcap_t* pcap) const noexcept { pcap_close(pcap); }
};
using Pcap = std::unique_ptr<pcap_t, ClosePcap>;

struct CloseDump {
  void operator()(pcap_dumper_t* dump) const noexcept { pcap_dump_close(dump); }
};
using Dump = std::unique_ptr<pcap_dumper_t, CloseDump>;

struct Packet {
  pcap_pkthdr header;
  std::vector<u_char> bytes;
};

void succeed(int result, pcap_t* pcap, const char* what) {
  if (result < 0) throw std::runtime_error(fmt::format("{}: {}", what, pcap_geterr(pcap)));
}

Pcap open_in(const UniqueFd& network_namespace) {
  enter(network_namespace);
  char error[PCAP_ERRBUF_SIZE]{};
  Pcap pcap(pcap_create("any", error));
  if (!pcap) throw std::runtime_error(error);
  succeed(pcap_set_snaplen(pcap.get(), snapshot_bytes), pcap.get(), "the length of a packet");
  succeed(pcap_set_buffer_size(pcap.get(), buffer_bytes), pcap.get(), "the size of the buffer");
  succeed(pcap_set_immediate_mode(pcap.get(), 1), pcap.get(), "packets at once");
  succeed(pcap_set_tstamp_precision(pcap.get(), PCAP_TSTAMP_PRECISION_NANO), pcap.get(), "nanoseconds");
  succeed(pcap_activate(pcap.get()), pcap.get(), "capturing");
  succeed(pcap_set_datalink(pcap.get(), DLT_LINUX_SLL2), pcap.get(), "cooked headers");
  succeed(pcap_setnonblock(pcap.get(), 1, error), pcap.get(), "not blocking");
  return pcap;
}

// A packet sent over loopback is captured again when it arrives.
bool is_echo(const u_char* bytes, uint32_t length) {
  if (length < sizeof(sll2_header)) return false;
  const auto* header = reinterpret_cast<const sll2_header*>(bytes);
  return ntohs(header->sll2_hatype) == ARPHRD_LOOPBACK && header->sll2_pkttype == PACKET_OUTGOING;
}

void keep(u_char* kept, const pcap_pkthdr* header, const u_char* bytes) {
  if (is_echo(bytes, header->caplen)) return;
  reinterpret_cast<std::vector<Packet>*>(kept)->push_back({*header, {bytes, bytes + header->caplen}});
}

bool earlier(const Packet& a, const Packet& b) {
  return std::pair(a.header.ts.tv_sec, a.header.ts.tv_usec) < std::pair(b.header.ts.tv_sec, b.header.ts.tv_usec);
}

class Capture {
 public:
  Capture(const UniqueFd& client, const UniqueFd& server, UniqueFd file, CaptureState& state)
      : sides_{open_in(client), open_in(server)}, state_(state) {
    state_.ready = true;  // what follows may wait for the reader of a pipe; the kernel keeps the packets meanwhile
    FILE* stream = ::fdopen(file.get(), "w");
    if (stream == nullptr) throw std::runtime_error(strerror(errno));
    file.release();
    dump_.reset(pcap_dump_fopen(sides_[0].get(), stream));
    if (!dump_) throw std::runtime_error(pcap_geterr(sides_[0].get()));
    flush();
  }

  void run() {
    std::array<pollfd, 2> readable{};
    for (size_t i = 0; i < sides_.size(); ++i)
      readable[i] = {.fd = pcap_get_selectable_fd(sides_[i].get()), .events = POLLIN, .revents = 0};
    for (;;) {
      const bool last = state_.finish;  // read first, so that packets captured before it was set are still written
      if (!last) ::poll(readable.data(), readable.size(), look_every_ms);
      write_round();
      if (last) return;
    }
  }

 private:
  // Merges both sides in order of time, within one round.
  void write_round() {
    std::vector<Packet> packets;
    uint64_t drops = 0;
    for (const Pcap& side : sides_) {
      succeed(pcap_dispatch(side.get(), -1, keep, reinterpret_cast<u_char*>(&packets)), side.get(), "reading");
      pcap_stat statistics{};
      if (pcap_stats(side.get(), &statistics) == 0) drops += statistics.ps_drop;
    }
    state_.drops = drops;
    if (packets.empty()) return;
    std::ranges::sort(packets, earlier);
    for (const Packet& packet : packets)
      pcap_dump(reinterpret_cast<u_char*>(dump_.get()), &packet.header, packet.bytes.data());
    flush();
    state_.packets += packets.size();
  }

  // When an earlier write failed with a full buffer, the flush itself has nothing left to fail on: check ferror() too.
  void flush() {
    if (pcap_dump_flush(dump_.get()) != 0 || std::ferror(pcap_dump_file(dump_.get())) != 0)
      throw std::runtime_error(strerror(errno));
  }

  std::array<Pcap, 2> sides_;
  Dump dump_;
  CaptureState& state_;
};

}  // namespace

void run_capture(const UniqueFd& client, const UniqueFd& server, UniqueFd file, CaptureState& state) {
  ::signal(SIGPIPE, SIG_IGN);  // a reader that has gone is then an error with a name
  try {
    Capture(client, server, std::move(file), state).run();
  } catch (const std::exception& error) {
    std::strncpy(state.error, error.what(), sizeof state.error - 1);
  }
}

}  // namespace connbench::lab
