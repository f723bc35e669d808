#include "harness/wave/pacing.h"

#include <cmath>
#include <random>

namespace connbench {
namespace {

class ClosedLoop final : public Pacing {
 public:
  bool open_loop() const noexcept override { return false; }
  Duration next_due() override { return Duration::zero(); }
};

class UniformArrivals final : public Pacing {
 public:
  explicit UniformArrivals(double rate) : rate_(rate) {}
  bool open_loop() const noexcept override { return true; }
  Duration next_due() override { return Duration(std::llround(static_cast<double>(next_++) * 1e9 / rate_)); }
  std::optional<Duration> interval() const override { return Duration(std::llround(1e9 / rate_)); }

 private:
  double rate_;
  uint64_t next_ = 0;
};

class PoissonArrivals final : public Pacing {
 public:
  PoissonArrivals(double rate, uint64_t seed) : rate_(rate), random_(seed) {}
  bool open_loop() const noexcept override { return true; }
  Duration next_due() override {
    // Not std::exponential_distribution, which differs between standard libraries. 53 bits in (0, 1].
    const double uniform = static_cast<double>((random_() >> 11U) + 1) * 0x1p-53;
    due_s_ -= std::log(uniform) / rate_;
    return Duration(std::llround(due_s_ * 1e9));
  }

 private:
  double rate_;
  double due_s_ = 0;
  std::mt19937_64 random_;
};

class RampArrivals final : public Pacing {
 public:
  explicit RampArrivals(const Ramp& ramp) : ramp_(ramp) {}
  bool open_loop() const noexcept override { return true; }
  Duration next_due() override {
    const double number = static_cast<double>(next_++);
    const double lasts_s = std::chrono::duration<double>(ramp_.lasts).count();
    const double rest = number - ramp_.attempts();
    const double due_s = rest < 0 ? within_ramp(number, lasts_s) : lasts_s + rest / ramp_.to_per_s;
    return Duration(std::llround(due_s * 1e9));
  }

 private:
  // After t seconds, from·t + slope·t²/2 attempts have been due. Solved for t in a form that needs no case of its own
  // for a slope of zero.
  double within_ramp(double number, double lasts_s) const {
    const double slope = (ramp_.to_per_s - ramp_.from_per_s) / lasts_s;
    const double root = std::sqrt(ramp_.from_per_s * ramp_.from_per_s + 2 * slope * number);
    return 2 * number / (ramp_.from_per_s + root);
  }

  Ramp ramp_;
  uint64_t next_ = 0;
};

class BurstArrivals final : public Pacing {
 public:
  BurstArrivals(size_t size, Duration interval) : size_(size), interval_(interval) {}
  bool open_loop() const noexcept override { return true; }
  Duration next_due() override { return interval_ * static_cast<int64_t>(next_++ / size_); }

 private:
  size_t size_;
  Duration interval_;
  uint64_t next_ = 0;
};

}  // namespace

std::unique_ptr<Pacing> ramp_arrivals(const Ramp& ramp) {
  return std::make_unique<RampArrivals>(ramp);
}
std::unique_ptr<Pacing> burst_arrivals(size_t size, Duration interval) {
  return std::make_unique<BurstArrivals>(size, interval);
}
std::unique_ptr<Pacing> closed_loop() {
  return std::make_unique<ClosedLoop>();
}
std::unique_ptr<Pacing> uniform_arrivals(double rate_per_s) {
  return std::make_unique<UniformArrivals>(rate_per_s);
}
std::unique_ptr<Pacing> poisson_arrivals(double rate_per_s, uint64_t seed) {
  return std::make_unique<PoissonArrivals>(rate_per_s, seed);
}

}  // namespace connbench
