// connbench probe, as a user runs it. A run of everything takes ten seconds.
#include "probe/probe.h"

#include <gmock/gmock.h>
#include <grp.h>

#include "harness/lab/lab.h"
#include "tests/bench/program.h"
#include "tests/bench/records.h"
#include "tests/support/temporary_folder.h"

namespace connbench {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

class Probe : public testing::Test {
 protected:
  std::string out() const { return folder_.path() / "run"; }
  std::vector<std::string> command(const std::string& only = "") const {
    std::vector<std::string> arguments{"probe", "--out", out()};
    if (!only.empty()) arguments.insert(arguments.end(), {"--only", only});
    return arguments;
  }
  std::map<std::string, std::string> verdicts() const {
    std::map<std::string, std::string> found;
    for (const Row& row : rows_of(out() + "/probe.csv")) found[row.at("claim")] = row.at("verdict");
    return found;
  }
  std::map<std::string, Row> matrix() const {
    std::map<std::string, Row> found;
    for (const Row& row : rows_of(out() + "/matrix.csv")) found[row.at("state")] = row;
    return found;
  }
  std::string evidence() const {
    std::string all;
    for (const Row& row : rows_of(out() + "/probe.csv")) all += row.at("claim") + " " + row.at("evidence") + "\n";
    return all;
  }
  TemporaryFolder folder_;
};

class ProbeInLab : public Probe {
 protected:
  void SetUp() override {
    if (const auto why_not = lab::why_no_lab()) GTEST_SKIP() << *why_not;
  }
};

// What Linux does today. When a kernel differs, look into it and describe it in docs/connect.md.
const std::map<std::string, std::string>& known_verdicts() {
  static const std::map<std::string, std::string> known{
      {"S1", "refuted"},    {"S2", "depends"},    {"S3", "depends"},    {"S4", "confirmed"},  {"S5", "confirmed"},
      {"S6", "depends"},    {"S7", "refuted"},    {"S8", "depends"},    {"S9", "refuted"},    {"S10", "confirmed"},
      {"S11", "confirmed"}, {"S12", "refuted"},   {"S13", "confirmed"}, {"S14", "confirmed"}, {"S15", "confirmed"},
      {"S16", "confirmed"}, {"S17", "confirmed"}, {"S18", "confirmed"}, {"S19", "confirmed"}, {"S20", "confirmed"},
      {"S21", "confirmed"}, {"S22", "confirmed"}, {"S23", "confirmed"}};
  return known;
}

// A row of the matrix: select, poll, SO_ERROR, getpeername, read of length 0, recv, connect again, and once more.
testing::Matcher<Row> is_row(const std::vector<std::string>& expected) {
  const char* columns[] = {"select",     "poll", "so_error",       "getpeername",
                           "empty_read", "recv", "second_connect", "third_connect"};
  std::vector<testing::Matcher<Row>> cells;
  for (size_t i = 0; i < expected.size(); ++i)
    cells.push_back(testing::ResultOf(
        columns[i], [column = columns[i]](const Row& row) { return row.at(column); }, expected[i]));
  return testing::AllOfArray(cells);
}

void expect_the_kernels_matrix(const std::map<std::string, Row>& matrix) {
  const std::string ended = "IN OUT ERR HUP RDHUP";
  const auto failed = [&](const std::string& error) {
    return is_row({"1/1/0", ended, error, "ENOTCONN", "0", error, error, "EINPROGRESS"});
  };
  ASSERT_EQ(matrix.size(), 11U);
  EXPECT_THAT(matrix.at("pending"), is_row({"0/0/0", "-", "0", "ENOTCONN", "0", "EAGAIN", "EALREADY", "EALREADY"}));
  EXPECT_THAT(matrix.at("accepted"), is_row({"0/1/0", "OUT", "0", "0", "0", "EAGAIN", "0", "EISCONN"}));
  EXPECT_THAT(matrix.at("accepted, data waiting"), is_row({"1/1/0", "IN OUT", "0", "0", "0", "1", "0", "EISCONN"}));
  EXPECT_THAT(matrix.at("accepted, FIN received"),
              is_row({"1/1/0", "IN OUT RDHUP", "0", "0", "0", "0", "0", "EISCONN"}));
  EXPECT_THAT(matrix.at("accepted, then RST"), failed("ECONNRESET"));
  EXPECT_THAT(matrix.at("refused"), failed("ECONNREFUSED"));
  EXPECT_THAT(matrix.at("timed out"), failed("ETIMEDOUT"));
  EXPECT_THAT(matrix.at("unreachable (ICMP)"), failed("EHOSTUNREACH"));
  EXPECT_THAT(matrix.at("ICMP while connect() holds the socket"),
              is_row({"1/1/0", "ERR", "EHOSTUNREACH", "ENOTCONN", "0", "EAGAIN", "EALREADY", "EALREADY"}));
  EXPECT_THAT(matrix.at("connect() failed at once, errno ignored"), is_row({"1/1/0", "OUT HUP", "0"}));
  for (const auto& [state, row] : matrix) {
    EXPECT_EQ(row.at("poll"), row.at("epoll")) << state;
    EXPECT_EQ(row.at("so_error_again"), "0") << state;
  }
  for (const char* state : {"accepted, then RST", "refused", "timed out", "unreachable (ICMP)"})
    EXPECT_EQ(matrix.at(state).at("consumed_by"), "SO_ERROR, recv, send, second connect") << state;
}

TEST_F(ProbeInLab, SettlesAndRecordsEveryClaimAndTheMatrix) {
  const Ended ended = connbench(command());
  ASSERT_EQ(ended.status, 0) << ended.err;
  EXPECT_EQ(verdicts(), known_verdicts()) << ended.out;
  expect_the_kernels_matrix(matrix());
  EXPECT_THAT(ended.out, AllOf(HasSubstr("right  connect()'s own errno"), HasSubstr("WRONG  once ready, a read of")));
  EXPECT_THAT(evidence(), AllOf(HasSubstr("of 300 tries SO_ERROR was 0 in"), HasSubstr("computed")));
  const auto run = json_of(out() + "/run.json");
  EXPECT_EQ(run.at("complete"), true);
  EXPECT_EQ(run.at("network"), "lab");
  EXPECT_THAT(run.at("warnings"), IsEmpty());
  EXPECT_THAT(content_of(out() + "/probe.md"), HasSubstr("## S23: confirmed"));
}

TEST_F(ProbeInLab, IsTheSameForAnOrdinaryUser) {
  if (::getuid() != 0) GTEST_SKIP() << "this is one";
  constexpr uid_t user = 65'534;
  const std::string program = folder_.path() / "connbench";  // other users may not reach the build folder
  std::filesystem::copy_file(CONNBENCH_PROGRAM, program);
  for (const std::string& path : {folder_.path().string(), program})
    std::filesystem::permissions(path, std::filesystem::perms::owner_all | std::filesystem::perms::others_read |
                                           std::filesystem::perms::others_exec);
  std::filesystem::create_directory(out());
  checked(::chown(out().c_str(), user, user), "chown");
  const std::string only = "S2,S4,S9,S11,S16,S17,S20,S21,matrix";
  const Ended ended = Program({program, "probe", "--out", out(), "--only", only}, [] {
                        if (::setgroups(0, nullptr) != 0 || ::setgid(user) != 0 || ::setuid(user) != 0)
                          ::_exit(could_not_execute);
                      }).wait();
  if (ended.status == could_not_execute) GTEST_SKIP() << "another user cannot be";
  ASSERT_EQ(ended.status, 0) << ended.err;
  if (json_of(out() + "/run.json").at("network") != "lab") GTEST_SKIP() << "an ordinary user can have no lab here";
  for (const auto& [claim, verdict] : verdicts()) EXPECT_EQ(verdict, known_verdicts().at(claim)) << claim;
  EXPECT_EQ(verdicts().size(), 8U);
  expect_the_kernels_matrix(matrix());
}

TEST_F(Probe, RunsOnlyWhatWasAsked) {
  auto arguments = command("S22,S8");
  arguments.insert(arguments.end(), {"--format", "csv"});
  const Ended ended = connbench(arguments);
  ASSERT_EQ(ended.status, 0) << ended.err;
  EXPECT_EQ(ended.out, content_of(out() + "/probe.csv"));
  EXPECT_EQ(verdicts(), (std::map<std::string, std::string>{{"S22", "confirmed"}, {"S8", "depends"}}));
  EXPECT_FALSE(std::filesystem::exists(out() + "/matrix.csv"));
}

TEST_F(Probe, WritesMarkdown) {
  auto arguments = command("S22");
  arguments.insert(arguments.end(), {"--format", "markdown"});
  const Ended ended = connbench(arguments);
  ASSERT_EQ(ended.status, 0) << ended.err;
  EXPECT_THAT(ended.out, AllOf(HasSubstr("## S22: confirmed"), HasSubstr("probe/readiness.cpp")));
}

TEST_F(Probe, SuggestsTheNearestWhenItRefusesAnUnknownName) {
  const Ended claim = connbench(command("S6,S66"));
  EXPECT_EQ(claim.status, 2);
  EXPECT_THAT(claim.err, AllOf(HasSubstr("--only"), HasSubstr("'S66'"), HasSubstr("did you mean 'S6'")));
  auto arguments = command("S8");
  arguments.insert(arguments.end(), {"--format", "cvs"});
  const Ended format = connbench(arguments);
  EXPECT_EQ(format.status, 2);
  EXPECT_THAT(format.err, AllOf(HasSubstr("--format"), HasSubstr("did you mean 'csv'")));
  EXPECT_FALSE(std::filesystem::exists(out()));
}

TEST_F(Probe, DoesNotOverwriteAnotherRun) {
  ASSERT_EQ(connbench(command("S22")).status, 0);
  const Ended again = connbench(command("S22"));
  EXPECT_EQ(again.status, 2);
  EXPECT_THAT(again.err, HasSubstr("already holds a run"));
}

TEST_F(Probe, SaysWhatIsNotTestableWithoutTheLabAndWhy) {
  const Ended ended = connbench(command("S1,S4,S13,S16,S22"), [] { refuse(SYS_unshare); });
  ASSERT_EQ(ended.status, 0) << ended.err;
  EXPECT_EQ(verdicts(), (std::map<std::string, std::string>{{"S1", "refuted"},
                                                            {"S4", "not testable here"},
                                                            {"S13", "confirmed"},
                                                            {"S16", "not testable here"},
                                                            {"S22", "confirmed"}}));
  EXPECT_THAT(evidence(), HasSubstr("S4 it needs the lab: creating namespaces is refused"));
  EXPECT_EQ(json_of(out() + "/run.json").at("network"), "host");
}

class Interrupted : public Probe, public testing::WithParamInterface<int> {};
INSTANTIATE_TEST_SUITE_P(By, Interrupted, testing::Values(SIGTERM, SIGKILL),
                         [](const auto& by) { return by.param == SIGKILL ? "Kill" : "Term"; });

TEST_P(Interrupted, KeepsWhatItFoundAndLeavesNothingRunning) {
  auto arguments = command("S2,S11,S13,S22");
  arguments.insert(arguments.begin(), CONNBENCH_PROGRAM);
  Program program(arguments);
  wait_until(program, [&] { return std::filesystem::exists(out() + "/probe.csv"); });  // S2 takes 7 s, S22 a moment
  ::kill(program.pid(), GetParam());
  const Ended ended = program.wait();
  if (GetParam() == SIGTERM) {
    EXPECT_EQ(ended.status, 128 + SIGTERM) << ended.err;
    EXPECT_THAT(ended.err, HasSubstr("interrupted"));
  }
  EXPECT_THAT(program.left_behind(), IsEmpty());
  EXPECT_EQ(json_of(out() + "/run.json").at("complete"), false);
  EXPECT_THAT(verdicts(), Not(IsEmpty()));
}

}  // namespace
}  // namespace connbench
