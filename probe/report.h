// Formats what the probes found, for people, for documents and for programs.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "probe/matrix.h"
#include "probe/probe.h"

namespace connbench::probe {

enum class Format : uint8_t { text, markdown, csv };
/// @throws std::invalid_argument for an unknown name, with the nearest known one
Format parse_format(std::string_view name);

/// A claim and the finding about it.
struct Result {
  const Entry* claim;
  Finding finding;
};

/// `claim,verdict,evidence`: one row per claim, with its lines of evidence joined by line feeds. Rows end in CRLF.
std::string findings_csv(const std::vector<Result>& results);
/// One row per state, with the result of each query and each way.
std::string matrix_csv(const std::vector<MatrixRow>& rows);

/// Everything in one format; the matrix is left out when there are no rows. CSV contains only the findings or, when
/// there are none, the matrix. @param width of the lines of text; the other formats have none
std::string report(Format format, const std::vector<Result>& results, const std::vector<MatrixRow>& rows,
                   size_t width = SIZE_MAX);

}  // namespace connbench::probe
