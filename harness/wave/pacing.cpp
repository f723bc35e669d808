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

}  // namespace

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
