#include "harness/support/text_table.h"

#include <gmock/gmock.h>

namespace connbench {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

TextTable two_rows() {
  TextTable table{.columns = {{.heading = "connector", .least = 8},
                              {.heading = "connects/s", .align = Align::right, .rank = 1},
                              {.heading = "CPU us\n/attempt", .align = Align::right, .rank = 2},
                              {.heading = "in flight\n(mean)", .align = Align::right, .rank = 3}}};
  table.add_row({"epoll", "71,208", "11.4", "248"});
  table.add_row({"blocking-threads+stack:64KiB", "1,234", "31.2", "1.40"});
  return table;
}

TEST(TextTable, WithoutALimitHasEveryColumnInOneLine) {
  EXPECT_EQ(TableWriter(SIZE_MAX).table(two_rows()),
            "  connector                     connects/s  CPU us/attempt  in flight (mean)\n"
            "  epoll                             71,208            11.4               248\n"
            "  blocking-threads+stack:64KiB       1,234            31.2              1.40\n");
}

TEST(TextTable, BreaksHeadingsAndTextBeforeItLeavesColumnsOut) {
  EXPECT_EQ(TableWriter(51).table(two_rows()),
            "                                  CPU us  in flight\n"
            "  connector         connects/s  /attempt     (mean)\n"
            "  epoll                 71,208      11.4        248\n"
            "  blocking-threads       1,234      31.2       1.40\n"
            "  +stack:64KiB\n");
}

TEST(TextTable, LeavesOutTheHighestRankFirstAndSaysSo) {
  TableWriter writer(40);
  EXPECT_THAT(writer.table(two_rows()), AllOf(HasSubstr("CPU us"), Not(HasSubstr("in flight"))));
  EXPECT_EQ(writer.closing("summary.csv"), "not shown: in flight (mean) (widen the\n  terminal, or see summary.csv)\n");
  EXPECT_EQ(TableWriter(80).closing("summary.csv"), "");
}

TEST(TextTable, PutsTitlesAboveAndNotesBelowARow) {
  TextTable table{.columns = {{.heading = "mix"}}};
  table.add_row({"accepting=100"});
  table.titles[0] = "epoll";
  table.notes[0] = {"3 reset"};
  EXPECT_EQ(TableWriter(80).table(table), "  mix\n  epoll\n  accepting=100\n    3 reset\n");
}

TEST(TextTable, ExplainsAHeadingOnce) {
  TextTable table{.columns = {{.heading = "late p50", .meaning = "late: after the deadline"},
                              {.heading = "late p99", .meaning = "late: after the deadline"}}};
  table.add_row({"1", "2"});
  TableWriter writer(80);
  writer.table(table);
  EXPECT_EQ(writer.closing("x"), "late: after the deadline\n");
}

TEST(TextTable, RefusesARowOfAnotherLength) {
  EXPECT_THROW(two_rows().add_row({"epoll"}), std::logic_error);
}

TEST(Grouped, SeparatesThousandsBeforeTheDecimalPoint) {
  EXPECT_EQ(grouped("12803521"), "12,803,521");
  EXPECT_EQ(grouped("-1234.5678"), "-1,234.5678");
  EXPECT_EQ(grouped("999"), "999");
  EXPECT_EQ(grouped("never"), "never");
  EXPECT_EQ(grouped(size_t{1000}), "1,000");
}

TEST(Shortened, LosesItsMiddle) {
  EXPECT_EQ(shortened("abcdefghij", 10), "abcdefghij");
  EXPECT_EQ(shortened("abcdefghij", 5), "ab…ij");
  EXPECT_EQ(shortened("µµµµ", 3), "µ…µ");
  EXPECT_EQ(shortened("abc", 1), "…");
  EXPECT_EQ(shortened("abc", 0), "");
}

}  // namespace
}  // namespace connbench
