// What can be known of the hosts without MPI, which does not end when a program is missing on one of them.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "cluster/hosts.h"
#include "cluster/wave_json.h"

namespace connbench::cluster {

/// How the programs of this project are reached on a host.
struct Reach {
  std::string agent = "ssh";  ///< a command that is followed by the host's name and a command line for its shell
  std::string folder{};       ///< of connbench and connbench-mpi, on every host
};

struct Examined {
  HostName host;
  Json hello{};           ///< what its worker said
  std::string why_not{};  ///< why it said nothing; "" = it did
};

/// Asks all hosts at once what they are. @param should_stop asked meanwhile
std::vector<Examined> examine(const std::vector<HostName>& hosts, const Reach& reach,
                              const std::function<bool()>& should_stop);

/// The first of them that cannot take part, with the reason; "" = all can. @param version that they must have
std::string why_not_all(const std::vector<Examined>& hosts, const std::string& version);
/// The same of one host.
std::string why_not(const Examined& host, const std::string& version);

/// "a b" → "a", "b": a command as a user writes it, with quotes where a word has blanks.
/// @throws std::invalid_argument for an unfinished quote, and for no word at all
std::vector<std::string> words_of(const std::string& command);

}  // namespace connbench::cluster
