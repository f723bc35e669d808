#include "harness/record/samples.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <stdexcept>
#include <string>
#include <vector>

#include "harness/record/schema.h"
#include "harness/wave/division.h"

namespace connbench {
namespace {

constexpr std::array<std::string_view, 3> kept_names = {"all", "failures", "none"};
constexpr size_t block_bytes = size_t{1} << 20;

// The columns before `attempt`, which all rows of one target in one shard share.
std::string beginning_of(std::string_view run_id, const WaveResult& wave, std::string_view target, size_t shard) {
  const Case& what = wave.what;
  CsvRow csv;
  csv.text(run_id).text(what.scenario).text(what.connector).text(target).text(to_string(what.family));
  csv.number(what.concurrency);
  csv.number(shard).number(what.timeout.count()).number(wave.repetition);
  return csv.beginning();
}

// The rest of a row. It allocates nothing: a million rows may be written between two waves.
class RowEnd {
 public:
  void number(int64_t value) {
    at_ = std::to_chars(at_, text_.data() + text_.size(), value).ptr;
    empty();
  }
  void number_if(bool known, int64_t value) { known ? number(value) : empty(); }
  void word(std::string_view word) {
    at_ += word.copy(at_, word.size());
    empty();
  }
  std::string_view finish() {
    --at_;
    at_ += csv_row_end.copy(at_, csv_row_end.size());
    return {text_.data(), static_cast<size_t>(at_ - text_.data())};
  }

 private:
  void empty() { *at_++ = ','; }

  std::array<char, 320> text_;  // 10 numbers of at most 20 characters, 3 words of at most 17, commas
  char* at_ = text_.data();
};

// @param rank of the host that made it; nullptr in the run of one machine
void append_row(std::string& block, const std::string& beginning, size_t attempt, const Sample& s, int64_t origin_ns,
                const unsigned* rank) {
  RowEnd row;
  row.number(static_cast<int64_t>(attempt));
  for (int64_t stamp : {s.scheduled_ns, s.started_ns, s.finished_ns, s.reaped_ns}) {
    row.number_if(stamp != 0, stamp - origin_ns);
  }
  row.word(to_string(s.outcome));
  row.word(to_string(s.stage));
  row.number_if(s.os_error != 0, s.os_error);
  // After a retransmitted SYN, tcpi_rtt covers only the last exchange. It is 0 when nothing answered.
  row.number_if(s.handshake_known && s.round_trip_ns > 0 && s.syn_retransmits == 0, s.round_trip_ns);
  row.number_if(s.handshake_known, s.syn_retransmits);
  row.number_if(s.local_port != 0, s.local_port);
  row.word(to_string(s.protocol));
  if (rank != nullptr) row.number(*rank);
  block.append(beginning).append(row.finish());
}

}  // namespace

std::string_view to_string(SamplesKept kept) noexcept {
  return kept_names[static_cast<size_t>(kept)];
}

SamplesKept parse_samples_kept(std::string_view text) {
  for (size_t i = 0; i < kept_names.size(); ++i) {
    if (kept_names[i] == text) return static_cast<SamplesKept>(i);
  }
  throw std::invalid_argument(fmt::format("'{}' is not valid: expected all, failures or none", text));
}

std::string_view samples_file(Compression compression) noexcept {
  return compression == Compression::zstd ? run_file::compressed_samples : run_file::samples;
}

size_t append_samples(CsvFile& file, const RecordedWave& recorded, SamplesKept kept,
                      const std::function<bool()>& should_stop) {
  if (kept == SamplesKept::none) return 0;
  const auto& [run_id, origin_ns, wave, samples, assignment, share] = recorded;
  const Division division{samples.size(), wave.what.parts()};
  const size_t hosts = wave.what.hosts;
  const std::vector<std::string> targets = assignment == nullptr ? std::vector{wave.what.target} : assignment->targets;
  std::vector<std::string> beginnings;  // of target 0 in each part, then of target 1, …
  for (const std::string& target : targets)
    for (size_t part = 0; part < division.shards; ++part)
      beginnings.push_back(beginning_of(run_id, wave, target, part / hosts));
  std::string block;
  size_t omitted = recorded.never_offered();
  for (size_t i = 0; i < recorded.end_of_offered(); ++i) {
    if (!recorded.offered(i)) continue;
    const Sample& sample = recorded.sample(i);
    if (kept == SamplesKept::failures && sample.outcome == Outcome::connected) continue;
    const size_t number = recorded.number(i);
    const size_t target = assignment == nullptr ? 0 : assignment->of[number];
    const unsigned* rank = wave.hosts.empty() ? nullptr : &wave.hosts[i % hosts].rank;
    append_row(block, beginnings[target * division.shards + division.shard_of(i)], number, sample, origin_ns, rank);
    if (block.size() < block_bytes) continue;
    file.append(block);
    block.clear();
    if (!should_stop()) continue;
    for (size_t left = i + 1; left < recorded.end_of_offered(); ++left) omitted += recorded.offered(left) ? 1 : 0;
    return omitted;
  }
  file.append(block);
  return omitted;
}

uint64_t estimate_samples_bytes(std::string_view run_id, const Case& what, SamplesKept kept) {
  if (kept == SamplesKept::none) return 0;
  WaveResult wave;
  wave.what = what;
  wave.repetition = 1;
  Sample typical{};
  typical.scheduled_ns = typical.started_ns = typical.finished_ns = typical.reaped_ns = 60'000'000'000;  // a minute in
  typical.stage = Stage::connect;
  if (kept == SamplesKept::failures) {
    typical.outcome = Outcome::deadline_exceeded;
    typical.os_error = 110;
  }
  constexpr unsigned of_one_digit = 0;
  std::string row;
  append_row(row, beginning_of(run_id, wave, what.target, 0), what.attempts / 2, typical, 0,
             what.hosts > 1 ? &of_one_digit : nullptr);
  return row.size() * what.attempts;
}

}  // namespace connbench
