// Connectors that misbehave in ways that a wave must survive.
#pragma once

#include <unistd.h>

#include <memory>
#include <utility>
#include <vector>

#include "harness/connector/registry.h"

namespace connbench {

[[noreturn]] inline void hang() {
  for (;;) ::pause();
}

/// Connects at once, unless `misbehave` does something else on the first attempt.
class Prompt : public Connector {
 public:
  using Misbehave = void (*)();
  explicit Prompt(Misbehave misbehave) : misbehave_(misbehave) {}

  Capabilities capabilities() const override { return {.completes_in_submit = true}; }
  size_t submit(std::span<const Attempt> offered) override {
    if (!done_.empty()) return 0;
    misbehave_();
    done_.push_back({.id = offered.front().id,
                     .result = {Outcome::connected, Stage::connect, 0},
                     .started = now(),
                     .finished = now()});
    return 1;
  }
  size_t reap(std::vector<Completion>& completions, TimePoint) override {
    completions.insert(completions.end(), done_.begin(), done_.end());
    return std::exchange(done_, {}).size();
  }
  void cancel_all() override {}
  size_t in_flight() const override { return done_.size(); }

 private:
  Misbehave misbehave_;
  std::vector<Completion> done_;
};

/// Holds every attempt until it is cancelled.
class Silent : public Connector {
 public:
  Capabilities capabilities() const override { return {}; }
  size_t submit(std::span<const Attempt> offered) override {
    for (const Attempt& attempt : offered) pending_.push_back({.id = attempt.id, .started = now()});
    return offered.size();
  }
  size_t reap(std::vector<Completion>& completions, TimePoint wait_until) override {
    if (!cancelled_) {
      sleep_until(wait_until);
      return 0;
    }
    for (Completion& completion : pending_) {
      completion.result = {Outcome::cancelled, Stage::wait, 0};
      completion.finished = now();
    }
    completions.insert(completions.end(), pending_.begin(), pending_.end());
    return std::exchange(pending_, {}).size();
  }
  void cancel_all() override { cancelled_ = true; }
  size_t in_flight() const override { return pending_.size(); }

 private:
  bool cancelled_ = false;
  std::vector<Completion> pending_;
};

using Make = std::unique_ptr<Connector> (*)(const ConnectorSettings&);

// What the next Prompt does; the child inherits it.
inline Prompt::Misbehave misbehaviour = nullptr;

inline std::unique_ptr<Connector> make_prompt(const ConnectorSettings&) {
  return std::make_unique<Prompt>(misbehaviour);
}
inline std::unique_ptr<Connector> make_silent(const ConnectorSettings&) {
  return std::make_unique<Silent>();
}

}  // namespace connbench
