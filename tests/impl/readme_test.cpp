// impl/README.md is up to date: its example equals a file of this project, and its tables are complete.
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "harness/connector/registry.h"

namespace connbench {
namespace {

std::string text_of(const std::string& path) {
  std::ifstream file(std::string(CONNBENCH_SOURCE_DIR) + "/" + path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

TEST(ReadmeOfConnectors, ContainsTheWholePollConnector) {
  const std::string code = text_of("impl/loops/poll.cpp");
  ASSERT_FALSE(code.empty());
  EXPECT_NE(text_of("impl/README.md").find("```cpp\n" + code + "```"), std::string::npos);
}

std::string escaped_for_table(std::string_view text) {
  std::string escaped;
  for (const char c : text) escaped += c == '|' ? std::string("\\|") : std::string(1, c);
  return escaped;
}

TEST(ReadmeOfConnectors, ListsEveryConnector) {
  const std::string readme = text_of("impl/README.md");
  for (const ConnectorEntry* entry : all_connectors()) {
    const size_t row = readme.find("\n| `" + std::string(entry->name) + "` |");
    ASSERT_NE(row, std::string::npos) << entry->name;
    if (entry->summary.empty()) continue;  // this build lacks its library, so the summary is unknown
    const std::string line = readme.substr(row + 1, readme.find('\n', row + 1) - row - 1);
    EXPECT_NE(line.find("| " + escaped_for_table(entry->summary) + " |"), std::string::npos) << line;
  }
}

TEST(ReadmeOfConnectors, ListsEveryOption) {
  const std::string readme = text_of("impl/README.md");
  const auto expect_named = [&readme](const OptionSpec& spec) {
    EXPECT_NE(readme.find("| `+" + std::string(spec.name) + ":` |"), std::string::npos) << spec.name;
  };
  for (const ConnectorEntry* entry : all_connectors())
    for (const OptionSpec& spec : entry->options) expect_named(spec);
  for (const OptionSpec& spec : common_options) expect_named(spec);
}

}  // namespace
}  // namespace connbench
