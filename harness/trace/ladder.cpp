#include "harness/trace/ladder.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <vector>

#include "harness/support/kernel_names.h"
#include "harness/support/units.h"
#include "harness/support/wrapped.h"
#include "harness/trace/packets.h"

namespace connbench::trace {
namespace {

constexpr size_t full_width = 120;
constexpr size_t least_width = 60;
constexpr size_t time_width = 8;
constexpr Duration shown_duration = std::chrono::milliseconds(1);
constexpr size_t shortened_repetitions = 4;

// How wide each column is.
struct Columns {
  size_t call = 38;
  size_t state = 11;   // ESTABLISHED; 0 = the states stand in the columns of calls and packets, at their right
  size_t packet = 48;  // a SYN+ACK with all its usual options

  explicit Columns(size_t width) {
    if (width >= full_width) return;
    const size_t both = std::max(width, least_width) - time_width - 2;
    state = 0;
    packet = both / 2 + 1;
    call = both - packet;
  }
};

// One event; long calls wrap into several lines.
struct Row {
  int64_t time_ns;
  std::string call{}, client{}, packet{}, server{};

  bool only_states() const { return call.empty() && packet.empty(); }
};

// An arrow between two ends: '|' where the packet was seen, '.' where it was not. The text is next to the end where the
// packet was seen or, on loopback, next to its sender.
std::string arrow(const Packet& packet, const Columns& columns) {
  const bool loopback = packet.end == End::loopback;
  const bool at_server = packet.end == End::server;
  const bool leaves = packet.outgoing || loopback;
  const bool lost = leaves && packet.arrived_ns == 0;
  const bool text_left = loopback ? packet.to_server : !at_server;
  std::string text = short_text(packet);
  if (columns.state == 0) text = text.substr(0, text.find(" <"));
  const size_t inner = std::max(columns.packet - 2, text.size() + 5);
  const size_t length = lost ? std::min(inner, text.size() + 10) : inner;
  const std::string tip(1, lost ? 'x' : packet.to_server ? '>' : '<');
  const std::string shaft = text_left ? fmt::format("{:-<{}}", "- " + text + " ", length - 1)
                                      : fmt::format("{:->{}}", " " + text + " -", length - 1);
  std::string line = packet.to_server ? shaft + tip : tip + shaft;
  line = text_left ? fmt::format("{: <{}}", line, inner) : fmt::format("{: >{}}", line, inner);
  return fmt::format("{}{}{}", at_server ? '.' : '|', line, at_server || loopback ? '|' : '.');
}

class Ladder {
 public:
  Ladder(const Trace& trace, size_t width) : trace_(trace), columns_(width), origin_(trace.origin_ns()) {
    for (const SystemCall& call : trace.calls) threads_ = std::max(threads_, call.shown ? call.thread : 1U);
    add_packets();
    add_states();
    std::ranges::stable_sort(rows_, {}, &Row::time_ns);
    const std::vector<Row> others = rows_;
    add_calls(others);
    add_signals();
    add_attempts();
    std::ranges::stable_sort(rows_, {}, &Row::time_ns);
  }

  std::string text() const {
    const bool narrow = columns_.state == 0;
    std::string text = line("ms", {0, "client: calls", "state",
                                   narrow ? "packets" : fmt::format("{:^{}}", "packets", columns_.packet), "server"});
    for (size_t i = 0; i < rows_.size(); ++i) {
      Row row = rows_[i];
      // The two ends are polled one after the other: merge the results of one poll into one line.
      if (row.only_states() && i + 1 < rows_.size() && rows_[i + 1].only_states() && row.server.empty() &&
          rows_[i + 1].client.empty() && rows_[i + 1].time_ns - row.time_ns < 50'000)
        row.server = rows_[++i].server;
      text += lines(row);
    }
    return text;
  }

 private:
  // One text at the left of a column, and one at its right.
  static std::string shared(const std::string& left, const std::string& right, size_t width) {
    return left + fmt::format("{:>{}}", right, std::max(width, left.size()) - left.size());
  }

  std::string line(std::string_view time, const Row& row) const {
    const auto& [call, state, packet] = columns_;
    std::string text = state == 0 ? fmt::format("{:>{}} {} {}", time, time_width, shared(row.call, row.client, call),
                                                shared(row.packet, row.server, packet))
                                  : fmt::format("{:>{}} {:<{}} {:<{}} {:<{}} {}", time, time_width, row.call, call,
                                                row.client, state, row.packet, packet, row.server);
    text.erase(text.find_last_not_of(' ') + 1);
    return text + '\n';
  }

  std::string lines(const Row& row) const {
    const std::vector<std::string> calls = wrapped(row.call, columns_.call, 4);
    Row first = row;
    first.call = calls.front();
    std::string text = line(fmt::format("{:.3f}", static_cast<double>(row.time_ns - origin_) / 1e6), first);
    for (size_t i = 1; i < calls.size(); ++i) text += line("", {0, calls[i]});
    return text;
  }

  // A prefix that tells several connections apart.
  std::string label(size_t connection) const {
    return trace_.connections.size() > 1 ? fmt::format("{}:", connection + 1) : "";
  }
  std::string thread(unsigned index) const { return threads_ > 1 ? fmt::format("T{} ", index) : ""; }

  void add_packets() {
    for (const Packet& packet : trace_.packets) {
      Row row{packet.time_ns};
      row.packet = arrow(packet, columns_);
      if (trace_.connections.size() > 1 && packet.connection >= 0)
        row.call = fmt::format("{:>{}}", fmt::format("({})", packet.connection + 1), columns_.call);
      rows_.push_back(std::move(row));
    }
  }

  void add_states() {
    for (const StateSeen& seen : trace_.states) {
      Row row{seen.seen_ns};
      (seen.side == Side::client ? row.client : row.server) = label(seen.connection) + tcp_state_name(seen.state);
      rows_.push_back(std::move(row));
    }
  }

  // A program that waits in steps repeats the same calls: show only the first and the last repetition.
  void add_calls(const std::vector<Row>& others) {
    std::vector<const SystemCall*> shown;
    for (const SystemCall& call : trace_.calls)
      if (call.shown) shown.push_back(&call);
    for (size_t i = 0; i < shown.size();) {
      const auto [period, times] = repetition(shown, i, others);
      if (times < shortened_repetitions) {
        add_call(*shown[i++], others);
        continue;
      }
      const size_t last = i + period * (times - 1);
      for (size_t k = 0; k < period; ++k) add_call(*shown[i + k], others);
      rows_.push_back({shown[i + period]->begin_ns,
                       fmt::format("({}, {} times more)", period == 1 ? "the same" : "the same two", times - 2)});
      for (size_t k = 0; k < period; ++k) add_call(*shown[last + k], others);
      i = last + period;
    }
  }

  // How often the call at `at`, or it and the next one, repeat in a row with no other event in between.
  static std::pair<size_t, size_t> repetition(const std::vector<const SystemCall*>& shown, size_t at,
                                              const std::vector<Row>& others) {
    const auto same = [](const SystemCall& a, const SystemCall& b) {
      return a.name == b.name && a.arguments == b.arguments && a.result == b.result && a.thread == b.thread;
    };
    std::pair<size_t, size_t> best{1, 1};
    const auto next = std::ranges::upper_bound(others, shown[at]->begin_ns, {}, &Row::time_ns);
    const int64_t until = next == others.end() ? std::numeric_limits<int64_t>::max() : next->time_ns;
    for (const size_t period : {size_t{1}, size_t{2}}) {
      size_t end = at;
      while (end < shown.size() && shown[end]->end_ns != 0 && shown[end]->end_ns < until &&
             (end < at + period || same(*shown[end], *shown[end - period])))
        ++end;
      if (const size_t times = (end - at) / period;
          times >= shortened_repetitions && times * period > best.first * best.second)
        best = {period, times};
    }
    return best;
  }

  // A call takes one line, or two when something happened while it ran.
  void add_call(const SystemCall& call, const std::vector<Row>& others) {
    const std::string begun = fmt::format("{}{}({})", thread(call.thread), call.name, call.arguments);
    if (call.end_ns == 0) {
      rows_.push_back({call.begin_ns, begun + " ... did not return"});
      return;
    }
    const Duration took(call.end_ns - call.begin_ns);
    const std::string ended =
        fmt::format(" = {}{}", call.result, took >= shown_duration ? fmt::format(" ({})", human_readable(took)) : "");
    const auto next = std::ranges::upper_bound(others, call.begin_ns, {}, &Row::time_ns);
    if (next != others.end() && next->time_ns < call.end_ns) {
      rows_.push_back({call.begin_ns, begun + " ..."});
      rows_.push_back({call.end_ns, fmt::format("{}... {}{}", thread(call.thread), call.name, ended)});
    } else {
      rows_.push_back({call.begin_ns, begun + ended});
    }
  }

  void add_signals() {
    for (const SignalSeen& seen : trace_.signals)
      rows_.push_back({seen.time_ns, fmt::format("{}signal {}", thread(seen.thread), seen.number)});
  }

  void add_attempts() {
    for (size_t i = 0; i < trace_.attempts.size(); ++i) {
      const AttemptSeen& attempt = trace_.attempts[i];
      const std::string name = trace_.attempts.size() > 1 ? fmt::format("attempt {}", i + 1) : "the attempt";
      if (attempt.started_ns != 0) rows_.push_back({attempt.started_ns, fmt::format("* {} begins", name)});
      if (attempt.finished_ns != 0)
        rows_.push_back({attempt.finished_ns, fmt::format("* {}: {}", name, to_string(attempt.outcome))});
    }
  }

  const Trace& trace_;
  Columns columns_;
  int64_t origin_;
  unsigned threads_ = 1;
  std::vector<Row> rows_;
};

}  // namespace

std::string ladder(const Trace& trace, size_t width) {
  return Ladder(trace, width).text();
}

}  // namespace connbench::trace
