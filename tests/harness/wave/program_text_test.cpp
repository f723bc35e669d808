// What becomes of the records of a program.
#include "harness/wave/program_text.h"

#include <gmock/gmock.h>

namespace connbench {
namespace {

using testing::HasSubstr;

class Records : public testing::Test {
 protected:
  /// The only attempt of a wave, which lasts from 1000 to 2000.
  Sample record(const std::string& line, const Endpoint& endpoint = Endpoint::ipv4(0x7f000001, 80)) {
    const Case what{.scenario = "", .connector = "", .target = "", .attempts = 1};
    const WaveSpec spec{.what = &what, .load = {.endpoints = {&endpoint, 1}}};
    Sample sample{};
    ProgramRecords records({&sample, 1}, spec, {}, {TimePoint(Duration(1000)), TimePoint(Duration(2000)), Duration(5)});
    records.add(line);
    records.finish();
    return sample;
  }
  std::string refusal(const std::string& line) {
    try {
      record(line);
      return "accepted";
    } catch (const ProgramFault& fault) {
      return fault.what();
    }
  }
};

TEST_F(Records, HaveTheOutcomesOfLinkedConnectors) {
  EXPECT_EQ(record("0 1000 2000 connected").outcome, Outcome::connected);
  EXPECT_EQ(record("0 1000 2000 timeout wait").outcome, Outcome::deadline_exceeded);
  EXPECT_EQ(record("0 1000 2000 cancelled").outcome, Outcome::cancelled);
  EXPECT_EQ(record("0 0 0 cancelled").outcome, Outcome::never_started);
  EXPECT_EQ(record("0 1000 2000 ECONNREFUSED").outcome, Outcome::refused);
  EXPECT_EQ(record("0 1000 2000 EHOSTUNREACH wait").outcome, Outcome::unreachable);
  EXPECT_EQ(record("0 1000 2000 ETIMEDOUT").outcome, Outcome::peer_timeout);
  EXPECT_EQ(record("0 1000 1000 EMFILE socket").outcome, Outcome::exhausted);
  EXPECT_EQ(record("0 1000 2000 other:SomeException").outcome, Outcome::unexpected);
  EXPECT_EQ(record("0 1000 1000 EMFILE socket").stage, Stage::socket);
}

TEST_F(Records, TellAFullBacklogFromALackOfPorts) {
  EXPECT_EQ(record("0 1000 2000 EAGAIN").outcome, Outcome::exhausted);
  EXPECT_EQ(record("0 1000 2000 EAGAIN", Endpoint::abstract_unix("full")).outcome, Outcome::refused);
}

TEST_F(Records, MayDifferFromTheWaveByTheErrorOfTheClock) {
  EXPECT_EQ(refusal("0 995 2005 connected"), "accepted");
  EXPECT_THAT(refusal("0 994 2000 connected"), HasSubstr("before the wave began"));
  EXPECT_THAT(refusal("0 1000 2006 connected"), HasSubstr("after it wrote 'done'"));
}

TEST_F(Records, ThatAreNoneAreRefused) {
  for (const char* line : {"", "hello", "0", "0 1 2", "0 x 2000 connected", "0 1000 2000 connected wait more",
                           "-1 1000 2000 connected", "0  1000 2000 connected"})
    EXPECT_THAT(refusal(line), HasSubstr("where a record")) << line;
  EXPECT_THAT(refusal("1 1000 2000 connected"), HasSubstr("the ids go from 0 to 0"));
  EXPECT_THAT(refusal("0 1000 2000 ENONSENSE"), HasSubstr("unknown outcome 'ENONSENSE'"));
  EXPECT_THAT(refusal("0 1000 2000 connected nowhere"), HasSubstr("unknown stage 'nowhere'"));
  EXPECT_THAT(refusal("0 0 0 connected"), HasSubstr("without a start"));
}

TEST(Ready, HasTheBoundOfTheClock) {
  EXPECT_EQ(read_ready(R"(ready {"clock_error_ns": 250})"), 250);
  for (const char* line :
       {"ready", "ready {}", R"(ready {"clock_error_ns": -1})", R"(ready {"clock_error_ns": "0"})", "steady"})
    EXPECT_THROW(read_ready(line), ProgramFault) << line;
}

}  // namespace
}  // namespace connbench
