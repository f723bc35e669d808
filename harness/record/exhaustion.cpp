#include "harness/record/exhaustion.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "harness/record/schema.h"

namespace connbench {
namespace {

using Json = nlohmann::ordered_json;

Json json_of(int64_t value) {
  return value < 0 ? Json(nullptr) : Json(value);
}

}  // namespace

std::string_view stopped_call(const RampEnd& end) noexcept {
  switch (end.stopped) {
    case Stopped::exhausted:
    case Stopped::threw:
      return end.call;
    case Stopped::full:
      return "full";
    case Stopped::out_of_time:
      return "time";
    case Stopped::nothing:
    case Stopped::asked:
      break;
  }
  return "";
}

std::string csv_row(std::string_view run_id, const RampName& name, size_t number, const RampStep& step,
                    const RampEnd* end) {
  CsvRow csv;
  csv.text(run_id).text(name.connector).text(name.resource).text(name.limit_kind).number(name.limit);
  csv.number(name.repetition).number(number).number(step.elapsed_ns).number(step.pending);
  for (const int64_t value : {step.holding.threads, step.holding.fds, step.holding.rss_kib, step.holding.kernel_kib,
                              step.start_p50_ns, step.start_p99_ns})
    csv.known(value);
  csv.text(end == nullptr ? "" : stopped_call(*end));
  csv.number(end == nullptr || end->os_error == 0 ? std::nullopt : std::optional(end->os_error));
  for (const int64_t RampEnd::*value : {&RampEnd::healthy_p50_ns, &RampEnd::healthy_p99_ns,
                                        &RampEnd::recovery_pending_ns, &RampEnd::recovery_released_ns})
    csv.known(end == nullptr ? -1 : end->*value);
  return csv.finish();
}

ExhaustionRecorder::ExhaustionRecorder(RunFolder folder, const RunInfo& info, Json chosen)
    : folder_(std::move(folder)),
      run_id_(info.run_id),
      run_(info),
      file_(folder_.file(run_file::exhaustion), exhaustion_header) {
  run_.exhaustion(std::move(chosen));
  write_run();
}

size_t ExhaustionRecorder::number_of(const RampName& name) {
  if (name.connector != current_.connector || name.repetition != current_.repetition) steps_ = 0;
  current_ = name;
  return steps_++;
}

void ExhaustionRecorder::connector(const NamedConnector& connector, const Capabilities& capabilities) {
  run_.connector(connector, capabilities);
  write_run();
}

void ExhaustionRecorder::step(const RampName& name, const RampStep& step) {
  file_.append(csv_row(run_id_, name, number_of(name), step, nullptr));
}

void ExhaustionRecorder::end(const RampName& name, const RampStep& last, const RampEnd& end) {
  file_.append(csv_row(run_id_, name, number_of(name), last, &end));
  run_.ramp({{"connector", name.connector},
             {"repetition", name.repetition},
             {"most_pending", end.most_pending},
             {"unloaded_p50_ns", json_of(end.unloaded_p50_ns)},
             {"unloaded_p99_ns", json_of(end.unloaded_p99_ns)},
             {"healthy_tried", end.healthy_tried},
             {"healthy_connected", end.healthy_connected},
             {"ended_otherwise", end.ended_otherwise},
             {"let_go_by", end.by_deadline ? "deadline" : "cancel"}});
  write_run();
}

void ExhaustionRecorder::fail(const Case& what, unsigned repetition, std::string_view failure) {
  WaveResult failed;
  failed.what = what;
  failed.repetition = repetition;
  failed.failure = failure;
  run_.fail(failed);
  write_run();
}

void ExhaustionRecorder::skip(const Case& what, std::string_view reason) {
  run_.skip(what, reason);
  write_run();
}

void ExhaustionRecorder::suspended(const Suspension& seen, const RampName& name) {
  run_.suspended(seen, {{"connector", name.connector}, {"repetition", name.repetition}});
  write_run();
}

void ExhaustionRecorder::warn(std::string_view warning) {
  run_.warn(warning);
  write_run();
}

void ExhaustionRecorder::fitness(const Interference& seen, const std::vector<std::string>& unfit) {
  run_.fitness(seen, unfit);
  write_run();
}

void ExhaustionRecorder::lab(Json description) {
  run_.lab(std::move(description));
  write_run();
}

void ExhaustionRecorder::finish(bool complete, Json environment_after) {
  run_.environment_after(std::move(environment_after));
  write_run();
  if (!complete) return;
  file_.finish();
  folder_.finish(run_file::run, run_.text(true));
}

void ExhaustionRecorder::write_run() {
  folder_.write(run_file::run, run_.text(false));
}

}  // namespace connbench
