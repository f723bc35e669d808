// Runs several jobs at once, each in its own process.
#include "probe/children.h"

#include <gmock/gmock.h>
#include <signal.h>
#include <unistd.h>

#include <map>

#include "harness/support/unique_fd.h"
#include "probe/session.h"
#include "tests/impl/census.h"

namespace connbench::probe {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

constexpr Duration no_limit = 60s;

struct Ran {
  bool complete;
  std::map<size_t, ChildAnswer> answers;
};

Ran run(const std::vector<Job>& jobs, size_t at_once = 4, Duration limit = no_limit, int stop = -1) {
  Ran ran{};
  ran.complete = run_in_children(jobs, at_once, limit, stop,
                                 [&](size_t i, const ChildAnswer& answer) { ran.answers.emplace(i, answer); });
  return ran;
}

std::string never() {
  for (;;) ::pause();
}

TEST(Children, AnswerIndependently) {
  std::vector<Job> jobs;
  for (int i = 0; i < 10; ++i) jobs.push_back([i] { return std::string(100'000, static_cast<char>('a' + i)); });
  const Ran ran = run(jobs, 3);
  EXPECT_TRUE(ran.complete);
  ASSERT_EQ(ran.answers.size(), 10U);
  for (const auto& [i, answer] : ran.answers) {
    EXPECT_TRUE(answer.ok);
    EXPECT_EQ(answer.text, std::string(100'000, static_cast<char>('a' + i)));
  }
}

TEST(Children, ReportWhatTheyThrew) {
  const Ran ran = run({[]() -> std::string { throw std::runtime_error("no such thing"); }});
  EXPECT_FALSE(ran.answers.at(0).ok);
  EXPECT_EQ(ran.answers.at(0).text, "no such thing");
}

TEST(Children, ThatDieGiveNoAnswer) {
  const Ran ran = run({[]() -> std::string { ::_exit(3); }, [] { return std::string("well"); }});
  EXPECT_FALSE(ran.answers.at(0).ok);
  EXPECT_THAT(ran.answers.at(0).text, HasSubstr("died"));
  EXPECT_TRUE(ran.answers.at(1).ok);
}

TEST(Children, ThatTakeTooLongAreKilled) {
  const Census before = take_census();
  const Ran ran = run({never, never}, 1, 10ms);
  EXPECT_TRUE(ran.complete);
  ASSERT_EQ(ran.answers.size(), 2U) << "the next job starts after one was killed";
  for (const auto& [i, answer] : ran.answers) {
    EXPECT_FALSE(answer.ok);
    EXPECT_THAT(answer.text, HasSubstr("did not end"));
  }
  EXPECT_EQ(census_becoming(before), before);
}

TEST(Children, AreKilledOnAStop) {
  const Census before = take_census();
  int ends[2];
  checked(::pipe(ends), "pipe");
  const UniqueFd reading(ends[0]), writing(ends[1]);
  checked(static_cast<int>(::write(writing.get(), "x", 1)), "write");
  const Ran ran = run({never, never}, 4, no_limit, reading.get());
  EXPECT_FALSE(ran.complete);
  EXPECT_TRUE(ran.answers.empty());
  EXPECT_EQ(census_becoming({before.threads, before.descriptors + 2, before.children}).children, before.children);
}

TEST(Session, ListsResultsInTheOrderOfTheClaims) {
  Findings findings;
  size_t changes = 0;
  const Choice choice = choose("S4,S8,S22");
  EXPECT_TRUE(run_probes(choice, {.why_no_lab = "it was not requested"}, -1, findings, [&] { ++changes; }));
  EXPECT_EQ(changes, 3U);
  ASSERT_EQ(findings.results.size(), 3U);
  EXPECT_EQ(findings.results[0].claim->id, "S4");
  EXPECT_EQ(findings.results[0].finding.verdict, Verdict::not_testable);
  EXPECT_THAT(findings.results[0].finding.evidence[0], HasSubstr("it was not requested"));
  EXPECT_EQ(findings.results[1].finding.verdict, Verdict::depends);
  EXPECT_EQ(findings.results[2].finding.verdict, Verdict::confirmed);
  EXPECT_TRUE(findings.defects.empty());
}

TEST(Session, ReportsAFailedProbe) {
  const Entry broken{.id = "S0", .sentence = "", .source = "", .run = [](Surroundings&) -> Finding {
                       throw std::runtime_error("it broke");
                     }};
  Findings findings;
  EXPECT_TRUE(run_probes({{&broken}, false}, {}, -1, findings, [] {}));
  ASSERT_EQ(findings.defects.size(), 1U);
  EXPECT_THAT(findings.defects[0], HasSubstr("it broke"));
  EXPECT_EQ(findings.results[0].finding.verdict, Verdict::not_testable);
}

}  // namespace
}  // namespace connbench::probe
