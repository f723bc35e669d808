#include "harness/wave/program_wave.h"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>

#include "harness/machine/process_usage.h"
#include "harness/process/descendants.h"
#include "harness/programs/program.h"
#include "harness/programs/program_process.h"
#include "harness/support/joined.h"
#include "harness/support/units.h"
#include "harness/wave/program_text.h"

namespace connbench {
namespace {

using std::chrono::seconds;

// From `stop` to `done`, between two records, from `end` to its end, and then for processes of the runtime that end
// with it: each takes milliseconds, but on a busy machine a program may get no processor for seconds.
constexpr Duration grace = seconds(5);
constexpr size_t longest_record = 160;
constexpr size_t slack_of_records = 4096;

class ProgramWave {
 public:
  ProgramWave(const WaveSpec& spec, SampleBuffer& samples, WaveReport& report, const ProgramCompanion& companion)
      : spec_(spec),
        samples_(samples),
        report_(report),
        companion_(companion),
        program_(*spec.connector->entry->program),
        process_({.path = program_.path(),
                  .arguments = {},
                  .unset = program_.description().steered_by,
                  .prepare = companion.prepare}),
        counter_(make_syscall_counter(tracepoint_or_none(), process_.pid())) {}

  void run() {
    const std::vector<Duration> schedule = schedule_of(spec_);
    start(schedule);
    const TimePoint begin = measure();
    process_.send("report\n");
    ProgramRecords records(samples_.samples(), spec_, schedule, {begin, done_at_, clock_error_});
    read_records(records);
    end();
    report_words(records);
  }

  // What a sentence about a fault of the program begins with, and what the program itself said.
  std::string explained(const std::string& what) {
    const std::string words = process_.last_words();
    return fmt::format("the program {}{}{}", what, words.empty() ? "" : "; the last line of its stderr: ", words);
  }

 private:
  // strace can only attach to what runs.
  std::string_view tracepoint_or_none() const { return spec_.syscall_method == "strace" ? "" : spec_.syscall_method; }

  void start(std::span<const Duration> schedule) {
    if (companion_.created) companion_.created(process_.pid());
    process_.execute();
    report_.program = process_.in_proc();
    process_.send(wave_line(spec_, schedule));
    clock_error_ = Duration(read_ready(expect("ready", now() + program_start_limit)));
    report_.clock_error_ns = clock_error_.count();
    if (counter_ == nullptr) counter_ = make_syscall_counter(spec_.syscall_method, process_.pid());
  }

  // @return when it began
  TimePoint measure() {
    const ObservedProcess observed{process_.pid(), process_.in_proc()};
    const ProcessUsage before = read_process_usage(observed, spec_.server);
    if (counter_ != nullptr) counter_->start();
    const TimePoint begin = now();
    report_.started_ns = to_ns(begin);
    if (companion_.measuring) companion_.measuring(true);
    process_.send(fmt::format("start {}\n", to_ns(begin)));
    wait_until_done(begin + spec_.load.limit);
    if (companion_.measuring) companion_.measuring(false);
    if (counter_ != nullptr) report_.keep(counter_->stop());
    report_.usage = read_process_usage(observed, spec_.server) - before;
    counter_.reset();
    return begin;
  }

  void wait_until_done(TimePoint limit) {
    std::string line;
    if (!next_line("done", limit, line)) {
      process_.send("stop\n");
      if (!next_line("done", now() + grace, line))
        throw ProgramFault(
            fmt::format("hangs: it did not write 'done' within {} after it was told to stop, at the wave's limit "
                        "of {}; killed",
                        human_readable(grace), human_readable(spec_.load.limit)));
    }
    done_at_ = now();
    if (line != "done") throw ProgramFault(fmt::format("wrote to stdout while measuring: '{}'", printable(line)));
  }

  void read_records(ProgramRecords& records) {
    process_.allow(samples_.samples().size() * longest_record + slack_of_records);
    const TimePoint until = now() + program_end_limit(samples_.samples().size());
    while (true) {
      const std::string line = expect("end", std::min(until, now() + grace));
      if (line == "end") break;
      records.add(line);
    }
    records.finish();
  }

  void end() {
    process_.end_input();
    if (!process_.ends_before(now() + grace))
      throw ProgramFault(fmt::format("did not exit within {} after it wrote 'end'; killed", human_readable(grace)));
    if (const int status = process_.collect(); status != 0)
      throw ProgramFault(how_it_ended(status) + " after it wrote 'end'");
    const std::vector<std::string> left = end_children(grace);
    if (!left.empty()) throw ProgramFault(fmt::format("left processes behind: {}; killed", joined(left, ", ")));
  }

  // Its next line, where `expected` should come.
  std::string expect(std::string_view expected, TimePoint until) {
    const TimePoint from = now();
    std::string line;
    if (next_line(expected, until, line)) return line;
    throw ProgramFault(fmt::format("hangs: it wrote nothing for {} where '{}' was expected; killed",
                                   human_readable(until - from), expected));
  }

  // @return false when the time is over
  bool next_line(std::string_view expected, TimePoint until, std::string& line) {
    while (true) {
      ProgramEvent event = process_.next(std::min(until, now() + companion_.interval));
      switch (event.kind) {
        case ProgramEvent::Kind::line:
          line = std::move(event.text);
          return true;
        case ProgramEvent::Kind::flood:
          throw ProgramFault(fmt::format("wrote more than it may where '{}' was expected: '{}...'; killed", expected,
                                         printable(event.text)));
        case ProgramEvent::Kind::ended:
          throw ProgramFault(fmt::format("{} before it wrote '{}'", how_it_ended(process_.collect()), expected));
        case ProgramEvent::Kind::nothing:
          if (companion_.look && expected == "done") companion_.look(report_.program);
          if (report_.stop) throw std::runtime_error("ended by request");
          if (now() >= until) return false;
      }
    }
  }

  void report_words(const ProgramRecords& records) {
    size_t at = 0;
    for (const auto& [word, count] : records.own_words()) {
      word.copy(report_.own_words[at].word, sizeof report_.own_words[at].word - 1);
      report_.own_words[at].count = count;
      if (++at == std::size(report_.own_words)) break;
    }
    report_.own_word_count = at;
  }

  const WaveSpec& spec_;
  SampleBuffer& samples_;
  WaveReport& report_;
  const ProgramCompanion& companion_;
  const ConnectorProgram& program_;
  ProgramProcess process_;
  std::unique_ptr<SyscallCounter> counter_;
  TimePoint done_at_{};
  Duration clock_error_{};
};

void run_explained(const WaveSpec& spec, SampleBuffer& samples, WaveReport& report, const ProgramCompanion& companion) {
  ProgramWave wave(spec, samples, report, companion);
  try {
    wave.run();
  } catch (const ProgramFault& fault) {
    throw std::runtime_error(wave.explained(fault.what()));
  }
}

}  // namespace

Duration program_end_limit(size_t attempts) noexcept {
  return 4 * grace + std::chrono::microseconds(100) * static_cast<int64_t>(attempts);
}

void run_program_wave(const WaveSpec& spec, SampleBuffer& samples, WaveReport& report,
                      const ProgramCompanion& companion) {
  const DescriptionAnswer& answer = spec.connector->entry->program->answer();
  if (!answer.description) throw std::runtime_error(answer.why_not);
  adopt_orphans();
  try {
    run_explained(spec, samples, report, companion);
  } catch (...) {
    end_children({});
    throw;
  }
}

}  // namespace connbench
