#include "harness/lab/link/judge.h"

#include <gtest/gtest.h>

#include <memory>

#include "harness/lab/link/frames.h"

namespace connbench::lab {
namespace {

using Fate = Judge::Fate;
using std::chrono::microseconds;

constexpr uint8_t syn = TcpHeader::syn, synack = TcpHeader::syn | TcpHeader::ack;

enum class Direction : uint8_t { to_far, from_far };

/// A segment between port `port` of the client and the server of `block`.
Packet segment(Direction direction, uint8_t flags, uint16_t port = 1000, uint32_t client_isn = 1, int block = 7) {
  const auto frame = direction == Direction::to_far
                         ? frames::ipv4(frames::tcp({.from = port, .sequence = client_isn, .flags = flags}),
                                        {.to = frames::far4(block)})
                         : frames::ipv4(frames::tcp({.from = 4000,
                                                     .to = port,
                                                     .sequence = port * 77U,
                                                     .acknowledgement = client_isn + 1,
                                                     .flags = flags}),
                                        {.from = frames::far4(block), .to = frames::client4});
  return *parse_frame(frame);
}

class JudgeTest : public testing::Test {
 protected:
  LinkRule& rule(uint8_t block = 7) { return (*rules_)[block]; }
  Judge judge(uint64_t seed = 1) { return {*rules_, seed}; }

 private:
  std::unique_ptr<std::array<LinkRule, 256>> rules_ = std::make_unique<std::array<LinkRule, 256>>();
};

TEST_F(JudgeTest, ForwardsEverythingAtOnceWithoutARule) {
  Judge judge = this->judge();
  for (const Direction direction : {Direction::to_far, Direction::from_far}) {
    const Judge::Verdict verdict = judge.judge(segment(direction, syn));
    EXPECT_EQ(verdict.fate, Fate::carry);
    EXPECT_EQ(verdict.hold, Duration::zero());
  }
}

TEST_F(JudgeTest, AnswersPacketsToABlockAfterARoundTripAndForwardsThoseFromIt) {
  rule() = {.answer = LinkRule::Answer::prohibited, .delay = microseconds(300)};
  Judge judge = this->judge();
  EXPECT_EQ(judge.judge(segment(Direction::to_far, syn)).fate, Fate::answer);
  EXPECT_EQ(judge.judge(segment(Direction::to_far, syn)).hold, microseconds(600));
  EXPECT_EQ(judge.judge(segment(Direction::from_far, synack)).fate, Fate::carry);
  EXPECT_EQ(judge.judge(segment(Direction::from_far, synack)).hold, microseconds(300));
}

TEST_F(JudgeTest, DropsTheFirstSynsOfEachConnectionHoweverInterleaved) {
  rule().lose_syns = 2;
  Judge judge = this->judge();
  for (int transmission = 0; transmission < 4; ++transmission) {
    for (uint16_t port = 1; port <= 100; ++port) {
      const Fate expected = transmission < 2 ? Fate::lose : Fate::carry;
      EXPECT_EQ(judge.judge(segment(Direction::to_far, syn, port)).fate, expected);
    }
  }
}

TEST_F(JudgeTest, TreatsAReusedPortAsANewConnection) {
  rule().lose_syns = 1;
  Judge judge = this->judge();
  EXPECT_EQ(judge.judge(segment(Direction::to_far, syn, 1000, 1)).fate, Fate::lose);
  EXPECT_EQ(judge.judge(segment(Direction::to_far, syn, 1000, 1)).fate, Fate::carry);
  EXPECT_EQ(judge.judge(segment(Direction::to_far, syn, 1000, 2)).fate, Fate::lose);
}

TEST_F(JudgeTest, CountsSynsAndSynAcksOfAConnectionSeparately) {
  rule() = {.lose_syns = 1, .lose_synacks = 2};
  Judge judge = this->judge();
  EXPECT_EQ(judge.judge(segment(Direction::to_far, syn)).fate, Fate::lose);
  EXPECT_EQ(judge.judge(segment(Direction::to_far, syn)).fate, Fate::carry);
  EXPECT_EQ(judge.judge(segment(Direction::from_far, synack)).fate, Fate::lose);
  EXPECT_EQ(judge.judge(segment(Direction::from_far, synack)).fate, Fate::lose);
  EXPECT_EQ(judge.judge(segment(Direction::from_far, synack)).fate, Fate::carry);
  EXPECT_EQ(judge.judge(segment(Direction::to_far, syn)).fate, Fate::carry);
}

TEST_F(JudgeTest, AppliesHandshakeLossesOnlyToHandshakes) {
  rule() = {.lose_syns = 255, .lose_synacks = 255};
  Judge judge = this->judge();
  for (const uint8_t flags : {TcpHeader::ack, TcpHeader::rst, TcpHeader::fin}) {
    EXPECT_EQ(judge.judge(segment(Direction::to_far, flags)).fate, Fate::carry);
    EXPECT_EQ(judge.judge(segment(Direction::from_far, flags)).fate, Fate::carry);
  }
}

TEST_F(JudgeTest, DropsTheGivenShareInEachDirection) {
  constexpr int frames = 20'000;
  rule().lose_per_million = 100'000;
  Judge judge = this->judge();
  for (const Direction direction : {Direction::to_far, Direction::from_far}) {
    int lost = 0;
    for (int i = 0; i < frames; ++i) lost += judge.judge(segment(direction, TcpHeader::ack)).fate == Fate::lose ? 1 : 0;
    EXPECT_NEAR(lost, frames / 10, 5 * 42.4);  // five standard deviations
  }
}

TEST_F(JudgeTest, DropsEverythingOrNothingWhenTheRuleSaysSo) {
  rule(1).lose_per_million = 1'000'000;
  Judge judge = this->judge();
  for (int i = 0; i < 1000; ++i) {
    EXPECT_EQ(judge.judge(segment(Direction::to_far, syn, 1, 1, 1)).fate, Fate::lose);
    EXPECT_EQ(judge.judge(segment(Direction::to_far, syn, 1, 1, 2)).fate, Fate::carry);
  }
}

TEST_F(JudgeTest, DecidesForABlockRegardlessOfOtherTraffic) {
  for (const uint8_t block : {uint8_t{3}, uint8_t{4}}) rule(block).lose_per_million = 500'000;
  Judge alone = judge(9);
  Judge busy = judge(9);
  Judge other = judge(10);
  bool all_as_other = true;
  for (int i = 0; i < 1000; ++i) {
    busy.judge(segment(Direction::to_far, TcpHeader::ack, 1, 1, 4));
    busy.judge(segment(Direction::from_far, TcpHeader::ack, 1, 1, 3));
    const Packet packet = segment(Direction::to_far, TcpHeader::ack, 1, 1, 3);
    const Fate fate = alone.judge(packet).fate;
    EXPECT_EQ(busy.judge(packet).fate, fate);
    all_as_other = all_as_other && other.judge(packet).fate == fate;
  }
  EXPECT_FALSE(all_as_other) << "the seed has no effect";
}

TEST_F(JudgeTest, JittersAroundTheDelayWithinItsBounds) {
  rule() = {.delay = microseconds(100), .jitter = microseconds(40)};
  Judge judge = this->judge();
  Duration shortest = Duration::max(), longest{};
  for (int i = 0; i < 10'000; ++i) {
    const Duration hold = judge.judge(segment(Direction::to_far, syn)).hold;
    shortest = std::min(shortest, hold);
    longest = std::max(longest, hold);
  }
  EXPECT_GE(shortest, microseconds(60));
  EXPECT_LE(longest, microseconds(140));
  EXPECT_LT(shortest, microseconds(61));
  EXPECT_GT(longest, microseconds(139));
}

TEST_F(JudgeTest, NeverHoldsForANegativeTimeWhenTheJitterExceedsTheDelay) {
  rule() = {.delay = microseconds(10), .jitter = microseconds(500)};
  Judge judge = this->judge();
  for (int i = 0; i < 1000; ++i) {
    const Duration hold = judge.judge(segment(Direction::to_far, syn)).hold;
    EXPECT_GE(hold, Duration::zero());
    EXPECT_LE(hold, microseconds(20));
  }
}

}  // namespace
}  // namespace connbench::lab
