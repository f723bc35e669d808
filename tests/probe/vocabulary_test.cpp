// Claims, verdicts and findings: the vocabulary of probes.
#include <gmock/gmock.h>

#include <filesystem>

#include "probe/probe.h"
#include "probe/words.h"
#include "tests/support/temporary_folder.h"

namespace connbench::probe {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::ThrowsMessage;

std::vector<std::string_view> ids_of(const Choice& choice) {
  std::vector<std::string_view> ids;
  for (const Entry* claim : choice.claims) ids.push_back(claim->id);
  return ids;
}

TEST(Claims, AreNumberedWithoutGaps) {
  const auto rows = all_probes();
  ASSERT_EQ(rows.size(), 23U);
  for (size_t i = 0; i < rows.size(); ++i) EXPECT_EQ(rows[i]->id, fmt::format("S{}", i + 1));
}

TEST(Claims, AreOneSentenceEachAndNameTheFileThatTestsThem) {
  for (const Entry* claim : all_probes()) {
    EXPECT_TRUE(claim->sentence.ends_with('.')) << claim->id;
    EXPECT_EQ(claim->sentence.find(". "), std::string_view::npos) << claim->id;
    const std::string source = content_of(std::filesystem::path(CONNBENCH_SOURCE_DIR) / claim->source);
    EXPECT_THAT(source, HasSubstr(fmt::format("const Entry {}{{", claim->id)));
  }
}

TEST(Claims, AreAllLinkedFromTheGuide) {
  const std::string guide = content_of(std::filesystem::path(CONNBENCH_SOURCE_DIR) / "docs" / "connect.md");
  for (const Entry* claim : all_probes())
    EXPECT_THAT(guide, HasSubstr(fmt::format("[{}](../{})", claim->id, claim->source)));
}

TEST(Choosing, TakesEverythingByDefault) {
  const Choice choice = choose("");
  EXPECT_EQ(choice.claims.size(), all_probes().size());
  EXPECT_TRUE(choice.matrix);
}

TEST(Choosing, TakesTheGivenClaimsInTheOrderOfTheTable) {
  EXPECT_THAT(ids_of(choose("S9,S10,S6")), ElementsAre("S6", "S9", "S10"));
  EXPECT_FALSE(choose("S9").matrix);
  EXPECT_TRUE(choose("matrix").matrix);
  EXPECT_TRUE(choose("matrix").claims.empty());
}

TEST(Choosing, RejectsUnknownClaimsWithTheNearestName) {
  EXPECT_THAT([] { choose("S6,S66"); },
              ThrowsMessage<std::invalid_argument>(testing::AllOf(HasSubstr("'S66'"), HasSubstr("did you mean 'S6'"))));
  EXPECT_THAT([] { choose("matrx"); }, ThrowsMessage<std::invalid_argument>(HasSubstr("did you mean 'matrix'")));
  EXPECT_THROW(choose("S6,"), std::invalid_argument);
  EXPECT_THROW(choose("S6,S6"), std::invalid_argument);
  EXPECT_THROW(choose("matrix,matrix"), std::invalid_argument);
}

TEST(AFinding, SurvivesSerialisation) {
  for (const Verdict verdict : {Verdict::confirmed, Verdict::refuted, Verdict::depends, Verdict::not_testable}) {
    Finding finding{verdict, {"\"quoted\", and\nbroken", "µs"}};
    finding.saw("{} of {}", 3, 4);
    EXPECT_EQ(from_text(to_text(finding)), finding);
  }
}

TEST(AFinding, IsNotReadFromAnythingElse) {
  for (const char* text : {"", "[]", "{\"verdict\":\"perhaps\",\"evidence\":[]}", "{\"verdict\":\"refuted\"}"})
    EXPECT_THROW(from_text(text), std::invalid_argument) << text;
}

TEST(Words, AreThoseOfTheManualPages) {
  EXPECT_EQ(error_name(ECONNREFUSED), "ECONNREFUSED");
  EXPECT_EQ(error_name(0), "0");
  EXPECT_EQ(to_string(Returned{-1, EISCONN}), "-1 EISCONN");
  EXPECT_EQ(to_string(Returned{5, 0}), "5");
  EXPECT_EQ(ready_bits(0x001 | 0x004 | 0x2000), "IN OUT RDHUP");
  EXPECT_EQ(ready_bits(0), "-");
}

TEST(Words, KeepTheErrnoOfTheCall) {
  const Returned failed = returned(::close(-1));
  errno = 0;
  EXPECT_EQ(failed.error, EBADF);
  EXPECT_EQ(returned(7).error, 0);
}

TEST(Words, SummariseDurationsByMedianAndLongest) {
  using namespace std::chrono_literals;
  EXPECT_EQ(spread({3ms, 1ms, 2ms}), "median 2.00 ms, longest 3.00 ms of 3");
  EXPECT_EQ(spread({4ms}), "4.00 ms");
  EXPECT_EQ(spread({}), "none");
}

}  // namespace
}  // namespace connbench::probe
