#include "cluster/job.h"

#include <fmt/format.h>
#include <poll.h>

#include <algorithm>
#include <system_error>

namespace connbench::cluster {
namespace {

using std::chrono::seconds;

constexpr Duration start_patience = seconds(30);   // ssh to every host, MPI_Init, hello
constexpr Duration silence_of_rank0 = seconds(5);  // it has a pulse every second
constexpr Duration stop_check_interval = std::chrono::milliseconds(100);
constexpr Duration clock_patience = seconds(5);
constexpr Duration end_patience = seconds(5);

}  // namespace

Job::Job(const std::vector<std::string>& command, std::function<bool()> should_stop)
    : should_stop_(std::move(should_stop)), launcher_(command) {}

Job::~Job() {
  end();
}

void Job::send(const Frame& frame) {
  if (over_) return;
  try {
    launcher_.stream().send(frame);
  } catch (const std::system_error&) {
    lose_all("the launcher reads no more");
  }
}

void Job::lose(int32_t rank, std::string why) {
  if (!lost_ranks_.insert(rank).second) return;
  const auto known = std::ranges::find(hosts_, rank, &Host::rank);
  lost_.push_back({rank, known == hosts_.end() ? fmt::format("rank {}", rank) : known->name, std::move(why)});
}

void Job::lose_all(const std::string& why) {
  over_ = true;
  const size_t before = lost_.size();
  for (const Host& host : hosts_) lose(host.rank, why);
  if (hosts_.empty()) lose(0, why);
  for (size_t i = before; i < lost_.size(); ++i) lost_[i].with_job = true;
}

// Pulses only show that rank 0 is alive. Its silence is counted only while this process listens: it may have been busy
// writing records.
std::optional<Frame> Job::next_frame(TimePoint until, const std::function<bool()>& should_stop) {
  TimePoint heard = now();
  while (!over_) {
    while (auto frame = launcher_.stream().next()) {
      heard = now();
      if (frame->kind != FrameKind::pulse) return frame;
      std::string_view bytes = frame->payload;
      ranks_ = static_cast<size_t>(unpack<int32_t>(bytes));
    }
    if (should_stop()) return std::nullopt;
    const TimePoint time = now();
    if (time >= until) return std::nullopt;
    if (!hosts_.empty() && time - heard > silence_of_rank0) {
      lose_all("nothing was heard of rank 0 for 5 s");
      return std::nullopt;
    }
    pollfd readable{launcher_.stream().fd(), POLLIN, 0};
    const timespec interval = to_timespec(std::min(stop_check_interval, until - time));
    if (::ppoll(&readable, 1, &interval, nullptr) <= 0) continue;
    if (!launcher_.stream().read_on()) lose_all("the launcher ended before the run was over");
  }
  return std::nullopt;
}

std::optional<std::pair<int32_t, Json>> Job::next(TimePoint until) {
  while (auto frame = next_frame(until, should_stop_)) {
    if (frame->kind == FrameKind::message) {
      Json message = from_wire(frame->payload);
      if (message.at("is") != "failed") return std::pair(frame->rank, std::move(message));
      lose(frame->rank, message.at("why"));  // its worker does nothing more
      return std::nullopt;
    }
    if (frame->kind != FrameKind::lost) continue;
    lose(frame->rank, frame->payload);
    return std::nullopt;
  }
  return std::nullopt;
}

std::optional<std::pair<int32_t, Json>> Job::next_of_the_last(TimePoint until) {
  const auto should_stop = std::exchange(should_stop_, [] { return false; });
  auto message = next(until);
  should_stop_ = should_stop;
  return message;
}

std::string Job::missing_hosts(size_t ranks) const {
  std::vector<bool> here(ranks, false);
  for (const Host& host : hosts_)
    if (static_cast<size_t>(host.rank) < ranks) here[static_cast<size_t>(host.rank)] = true;
  std::string missing;
  for (size_t rank = 0; rank < ranks; ++rank)
    if (!here[rank]) missing += fmt::format("{}{}", missing.empty() ? "rank " : ", ", rank);
  return missing;
}

void Job::await_hosts(std::optional<size_t> ranks) {
  const TimePoint deadline = now() + start_patience;
  const auto wanted = [&] { return ranks.value_or(ranks_.value_or(SIZE_MAX)); };
  while (hosts_.size() < wanted()) {
    auto hello = next(deadline);
    if (!hello) {
      if (should_stop_()) return;
      const std::string words = last_words();
      throw HostMissing(fmt::format("the job did not start: nothing was heard of {}{}{}",
                                    wanted() == SIZE_MAX ? "rank 0" : missing_hosts(wanted()),
                                    lost_.empty() ? "" : fmt::format(" ({})", lost_.front().why),
                                    words.empty() ? "" : fmt::format("; the launcher says: {}", words)));
    }
    Json& said = hello->second;
    std::string name = said.value("name", std::string());
    hosts_.push_back({hello->first, std::move(name), std::move(said)});
  }
  std::ranges::sort(hosts_, {}, &Host::rank);
}

void Job::tell(int32_t rank, const Json& message) {
  send({FrameKind::message, rank, to_wire(message)});
}

std::optional<Json> Job::early_answer(int32_t rank) {
  const auto found = std::ranges::find(early_, rank, &std::pair<int32_t, Json>::first);
  if (found == early_.end()) return std::nullopt;
  Json answer = std::move(found->second);
  early_.erase(found);
  return answer;
}

Json Job::answer(int32_t rank, Duration patience) {
  const TimePoint deadline = now() + patience;
  while (true) {
    if (auto answer = early_answer(rank)) return *std::move(answer);
    auto said = next(deadline);
    if (!said && should_stop_()) throw HostMissing("interrupted before anything was measured");
    if (!said && !lost_.empty()) throw HostMissing(fmt::format("{}: {}", lost_.back().host, lost_.back().why));
    if (!said) throw HostMissing(fmt::format("{}: it did not answer in time", host(rank).name));
    if (!said->second.contains("wave")) early_.push_back(*std::move(said));  // else of a wave that is over
  }
}

std::vector<ClockReading> Job::measure_clocks(const std::vector<int32_t>& ranks) {
  std::string wanted;
  std::vector<ClockReading> readings;
  for (const int32_t rank : ranks) {
    pack(wanted, rank);
    readings.push_back({.rank = rank});
  }
  send({FrameKind::measure, 0, wanted});
  const TimePoint deadline = now() + clock_patience;
  while (auto frame = next_frame(deadline, [] { return false; })) {
    if (frame->kind == FrameKind::lost) lose(frame->rank, frame->payload);
    if (frame->kind != FrameKind::clocks) continue;
    std::string_view bytes = frame->payload;
    for (ClockReading& reading : readings) reading = unpack<ClockReading>(bytes);
    break;
  }
  return readings;
}

void Job::begin(Duration lead) {
  std::string order;
  pack(order, static_cast<int64_t>(lead.count()));
  for (const Host& host : hosts_)
    if (!is_lost(host.rank)) pack(order, host.rank);
  send({FrameKind::begin, 0, order});
}

std::string Job::end() {
  send({FrameKind::end, 0, ""});
  over_ = true;
  return launcher_.end(lost_.empty() ? end_patience : std::chrono::milliseconds(500));
}

// mpirun draws frames of dashes around what it says.
std::string Job::last_words() const {
  const std::string text = log();
  std::string words;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    const std::string line = text.substr(begin, end - begin);
    begin = end + 1;
    if (line.find_first_not_of("- \t\r") == std::string::npos) continue;
    words += fmt::format("{}{}", words.empty() ? "" : " ", line);
    constexpr size_t enough = 300;
    if (words.size() > enough) return words.substr(0, enough) + "…";
  }
  return words;
}

}  // namespace connbench::cluster
