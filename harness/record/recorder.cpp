#include "harness/record/recorder.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "harness/record/benchmark_context.h"
#include "harness/record/schema.h"

namespace connbench {

namespace {

std::string header_of(std::string_view columns, const RunInfo& info) {
  return info.cluster ? fmt::format("{},{}", columns, rank_column) : std::string(columns);
}

}  // namespace

Recorder::Recorder(RunFolder folder, const RunInfo& info)
    : folder_(std::move(folder)),
      run_id_(info.run_id),
      origin_ns_(info.origin.monotonic_ns),
      kept_(info.samples),
      open_loop_(info.arrival != "closed"),
      percentiles_(info.percentiles),
      run_(info),
      benchmarks_(benchmark_context(), info.usual_timeout, info.repetitions),
      summary_(folder_.file(run_file::summary),
               header_of(summary_header, info)) {  // throws when another run has claimed the folder meanwhile
  if (kept_ != SamplesKept::none && !info.samples_on_hosts)
    samples_.emplace(folder_.file(samples_file(info.compression)), header_of(samples_header, info), info.compression);
  write_run();
  write_benchmarks();
}

void Recorder::connector(const NamedConnector& connector, const Capabilities& capabilities) {
  run_.connector(connector, capabilities);
  write_run();
}

void Recorder::count(const WaveResult& wave, std::string_view method) {
  if (wave.failure.empty()) {
    uint64_t total = 0;
    for (const auto& [name, calls] : wave.syscalls) total += calls;
    counted_.emplace_back(wave.what, total);
    run_.count(wave, method);
  } else {
    run_.fail(wave);
  }
  write_run();
}

SummaryRow Recorder::add(const WaveResult& wave, std::span<const Sample> samples, const Assignment* assignment,
                         const std::function<bool()>& should_stop) {
  const RecordedWave recorded{
      .run_id = run_id_, .origin_ns = origin_ns_, .wave = wave, .samples = samples, .assignment = assignment};
  SummaryRow row = summarise(recorded, syscalls_of(wave.what), percentiles_);
  write(wave, row, samples_ ? append_samples(*samples_, recorded, kept_, should_stop) : 0);
  return row;
}

SummaryRow Recorder::add(const WaveResult& wave, DistantWave& distant, const Assignment* assignment) {
  const RecordedWave recorded{
      .run_id = run_id_, .origin_ns = origin_ns_, .wave = wave, .samples = {}, .assignment = assignment};
  SummaryRow row = summarise(recorded, distant, syscalls_of(wave.what), percentiles_);
  write(wave, row, distant.append_samples(run_id_, origin_ns_));
  return row;
}

// The samples come first, so that a wave with a row in the summary has all of them.
void Recorder::write(const WaveResult& wave, const SummaryRow& row, size_t omitted) {
  summary_.append(csv_row(row));
  if (open_loop_) run_.arrivals(row);
  if (!percentiles_.empty()) run_.percentiles(row);
  if (wave.failure.empty()) {
    for (const SummaryRow& part : row.by_target) benchmarks_.add(part);
    benchmarks_.add(row);
    write_benchmarks();
  }  // the remains of a broken wave are no benchmark
  if (!wave.failure.empty() || omitted > 0) run_.fail(wave, omitted);
  if (wave.program) run_.program(wave);
  if (open_loop_ || !percentiles_.empty() || !wave.failure.empty() || omitted > 0 || wave.program) write_run();
}

void Recorder::rate(const FoundRate& found) {
  run_.rate(found);
  write_run();
}

void Recorder::skip(const Case& what, std::string_view reason) {
  run_.skip(what, reason);
  write_run();
}

void Recorder::suspended(const Suspension& seen, const WaveResult* wave) {
  run_.suspended(seen, wave == nullptr ? nlohmann::ordered_json::object() : RunJson::name_of(*wave));
  write_run();
}

void Recorder::warn(std::string_view warning) {
  run_.warn(warning);
  write_run();
}

void Recorder::fitness(const Interference& seen, const std::vector<std::string>& unfit) {
  run_.fitness(seen, unfit);
  write_run();
}

void Recorder::host(const std::string& target, const HostAddress& address) {
  run_.host(target, address);
  write_run();
}

void Recorder::cluster(nlohmann::ordered_json description) {
  run_.cluster(std::move(description));
  write_run();
}

void Recorder::lab(nlohmann::ordered_json description) {
  run_.lab(std::move(description));
  write_run();
}

void Recorder::finish(bool complete, nlohmann::ordered_json environment_after) {
  run_.environment_after(std::move(environment_after));
  write_run();  // even if a file is missing, the rest is recorded
  if (!complete) return;
  if (samples_) samples_->finish();
  summary_.finish();
  folder_.finish(run_file::run, run_.text(true));
}

std::optional<uint64_t> Recorder::syscalls_of(const Case& what) const {
  const auto found = std::find_if(counted_.begin(), counted_.end(), [&](const auto& c) { return c.first == what; });
  return found == counted_.end() ? std::nullopt : std::optional(found->second);
}

void Recorder::write_run() {
  folder_.write(run_file::run, run_.text(false));
}

void Recorder::write_benchmarks() {
  folder_.write(run_file::benchmark, benchmarks_.raw());
  folder_.write(run_file::aggregate, benchmarks_.aggregate());
}

}  // namespace connbench
