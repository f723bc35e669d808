// Reads CSV with an independent parser: Python's.
#pragma once

#include <fmt/format.h>
#include <stdio.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <vector>

namespace connbench {

using Rows = std::vector<std::vector<std::string>>;

/// The rows of `path`, including the header; of a compressed file (.zst), those before a cut. Leaves out a last row
/// without CRLF, which a kill has cut off (see results/README.md).
inline Rows read_with_python(const std::filesystem::path& path) {
  const auto command = fmt::format(
      "/usr/bin/python3 -c 'import csv,io,json,subprocess,sys\n"
      "path, unpack = sys.argv[1], [\"zstd\", \"-dcq\"]\n"
      "packed = path.endswith(\".zst\")\n"
      "data = subprocess.run([*unpack, path], stdout=-1, stderr=-3).stdout if packed else open(path, \"rb\").read()\n"
      "text = data.decode()\n"
      "text = text[:text.rfind(\"\\r\\n\") + 2] if \"\\r\\n\" in text else \"\"\n"
      "print(json.dumps(list(csv.reader(io.StringIO(text, newline=\"\"), strict=True))))' '{}'",
      path.string());
  FILE* pipe = ::popen(command.c_str(), "r");
  if (pipe == nullptr) throw std::runtime_error("popen");
  std::string output;
  char block[65536];
  for (size_t n; (n = ::fread(block, 1, sizeof block, pipe)) > 0;) output.append(block, n);
  if (::pclose(pipe) != 0) throw std::runtime_error("python3 could not read " + path.string());
  return nlohmann::json::parse(output).get<Rows>();
}

}  // namespace connbench
