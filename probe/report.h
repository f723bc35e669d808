// What the probes found, for people, for documents, and for programs.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "probe/matrix.h"
#include "probe/probe.h"

namespace connbench::probe {

enum class Format : uint8_t { text, markdown, csv };
/// @throws std::invalid_argument for a name that is none, with the nearest
Format parse_format(std::string_view name);

/// A claim and what came of it.
struct Result {
  const Entry* claim;
  Finding finding;
};

/// `claim,verdict,evidence`: one row a claim, its lines of evidence joined by line feeds. Rows end in CRLF.
std::string findings_csv(const std::vector<Result>& results);
/// One row a state: what each way of asking said.
std::string matrix_csv(const std::vector<MatrixRow>& rows);

/// Everything in one format. Without rows there is no matrix in it; csv has the findings alone, or, without any, the
/// matrix. @param width of the lines of text; the other formats have none
std::string report(Format format, const std::vector<Result>& results, const std::vector<MatrixRow>& rows,
                   size_t width = SIZE_MAX);

}  // namespace connbench::probe
