#include <algorithm>
#include <memory>

#include "harness/trace/follow.h"
#include "harness/wave/program_wave.h"
#include "harness/wave/runner.h"

namespace connbench::trace {
namespace {

constexpr Duration grace = std::chrono::seconds(1);      // of the attempts
constexpr Duration end_grace = std::chrono::seconds(5);  // of the client, on a busy machine

// The program is followed from before it is executed: a runtime starts its threads then.
void run_program(const NamedConnector& connector, const Case& what, CloseMode close, const ClientContext& context) {
  SampleBuffer samples(what.attempts);
  const auto report = std::make_unique<WaveReport>();
  const WaveSpec wave{.what = &what,
                      .connector = &connector,
                      .load = {.endpoints = context.target.endpoints(),
                               .endpoints_per_attempt = context.target.endpoints_per_attempt(),
                               .limit = static_cast<int64_t>(what.attempts) * what.timeout + grace},
                      .policy = {.close = close},
                      .pacing = closed_loop};
  run_program_wave(wave, samples, *report,
                   {.created = context.follow_instead, .measuring = [&](bool on) { context.recording = on; }});
  std::ranges::copy(samples.samples(), context.samples.begin());
}

}  // namespace

Client connecting_client(const NamedConnector& connector, size_t attempts, Duration timeout, CloseMode close) {
  const Duration limit = static_cast<int64_t>(attempts) * timeout + grace;
  if (connector.entry->program != nullptr)
    return {.name = connector.name,
            .attempts = attempts,
            .limit = limit + program_start_limit + program_end_limit(attempts),
            .run =
                [=, &connector](const ClientContext& context) {
                  const Case what{.scenario = "trace",
                                  .connector = connector.name,
                                  .target = std::string(every_target),
                                  .attempts = attempts,
                                  .timeout = timeout};
                  run_program(connector, what, close, context);
                },
            .elsewhere = true};
  return {.name = connector.name,
          .attempts = attempts,
          .limit = limit + end_grace,
          .run = [=, &connector](const ClientContext& context) {
            context.recording = true;
            {
              Retirement retirement(connector.policy({.close = close}), attempts);
              const auto made = connector.entry->make({connector.options, 1, retirement});
              const auto pacing = closed_loop();
              drive(*made,
                    {.load = {.endpoints = context.target.endpoints(),
                              .endpoints_per_attempt = context.target.endpoints_per_attempt(),
                              .limit = limit},
                     .concurrency = 1,
                     .timeout = timeout,
                     .pacing = pacing.get()},
                    context.samples);
            }  // destroying them closes the held connections, which belongs to the trace
            context.recording = false;
          }};
}

}  // namespace connbench::trace
