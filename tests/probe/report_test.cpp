// Formats of findings.
#include "probe/report.h"

#include <gmock/gmock.h>

#include "probe/children.h"
#include "tests/support/python_csv.h"
#include "tests/support/temporary_folder.h"

namespace connbench::probe {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

std::vector<Result> two_results() {
  return {{all_probes()[0], {Verdict::refuted, {"accept() = 5, \"at once\"", "a | b <c>"}}},
          {all_probes()[3], {Verdict::not_testable, {"no lab"}}}};
}

std::vector<MatrixRow> two_rows() {
  return {{.state = AttemptState::accepted,
           .connect_error = EINPROGRESS,
           .select_write = true,
           .received = -1,
           .recv_error = EAGAIN,
           .third_connect = EISCONN},
          {.state = AttemptState::unreachable, .why_not = "no lab"}};
}

Rows parsed(const std::string& csv) {
  const TemporaryFolder folder;
  const auto file = folder.path() / "table.csv";
  std::ofstream(file, std::ios::binary) << csv;
  return read_with_python(file);
}

TEST(Csv, HasOneRowPerClaimWithItsEvidenceInOneField) {
  EXPECT_THAT(parsed(findings_csv(two_results())),
              ElementsAre(ElementsAre("claim", "verdict", "evidence"),
                          ElementsAre("S1", "refuted", "accept() = 5, \"at once\"\na | b <c>"),
                          ElementsAre("S4", "not testable here", "no lab")));
}

TEST(Csv, OfTheMatrixHasTheSameColumnsInEveryRow) {
  const Rows rows = parsed(matrix_csv(two_rows()));
  ASSERT_EQ(rows.size(), 3U);
  for (const auto& row : rows) EXPECT_EQ(row.size(), 14 + ways().size());
  EXPECT_EQ(rows[1][0], "accepted");
  EXPECT_EQ(rows[1][14], "right: connected");
  EXPECT_EQ(rows[2][13], "no lab");
}

TEST(Csv, IsTheMatrixWhenNothingElseWasRequested) {
  EXPECT_EQ(report(Format::csv, two_results(), two_rows()), findings_csv(two_results()));
  EXPECT_EQ(report(Format::csv, {}, two_rows()), matrix_csv(two_rows()));
}

TEST(Text, ContainsTheVerdictTheClaimAndTheEvidence) {
  const std::string text = report(Format::text, two_results(), two_rows());
  for (const char* part : {"S1   refuted: When", "a | b <c>", "S4   not testable here", "right  connect()'s own errno",
                           "WRONG  connect() again: only EISCONN", "not testable here: no lab"})
    EXPECT_THAT(text, HasSubstr(part));
  EXPECT_THAT(report(Format::text, two_results(), {}), Not(HasSubstr("every state")));
}

TEST(Text, FitsTheWidthOfTheTerminal) {
  const std::string text = report(Format::text, two_results(), two_rows(), 80);
  for (size_t from = 0, to; (to = text.find('\n', from)) != std::string::npos; from = to + 1)
    EXPECT_LE(to - from, 80U) << text.substr(from, to - from);
  EXPECT_THAT(text, AllOf(HasSubstr("SO_ERROR"), HasSubstr("widen the terminal, or see matrix.csv")));
}

TEST(Markdown, EscapesTableCells) {
  const std::string text = report(Format::markdown, two_results(), two_rows());
  EXPECT_THAT(text, HasSubstr("a \\| b \\<c\\>"));
  EXPECT_THAT(text, HasSubstr("| S1 | refuted |"));
  EXPECT_THAT(text, HasSubstr("**wrong**"));
}

TEST(Formats, AreRejectedWithTheNearestName) {
  EXPECT_EQ(parse_format("csv"), Format::csv);
  EXPECT_THAT([] { parse_format("markdwn"); },
              testing::ThrowsMessage<std::invalid_argument>(HasSubstr("did you mean 'markdown'")));
}

}  // namespace
}  // namespace connbench::probe
