// A file for output that the user has named: opened without changing anything, emptied when the work is allowed to
// begin.
#pragma once

#include <sys/stat.h>

#include <functional>
#include <string>

#include "harness/support/unique_fd.h"

namespace connbench {

/// The file is the one to which the name leads, through links as well, because the user chose the name. A FIFO, a
/// device or /dev/null is written to as it is.
class OutputFile {
 public:
  /// Opens `path`, or creates it. A FIFO is opened once somebody reads it; meanwhile `give_up` is called every 10 ms,
  /// and its true ends the wait: the object is then false.
  /// @param flag for messages: "--pcap"
  /// @throws std::invalid_argument when it cannot be written, is "-", or is the same file as stdout or stderr
  OutputFile(
      std::string flag, std::string path, const std::function<bool()>& give_up = [] { return false; });
  /// Removes a file that it has created, unless it was to be kept.
  ~OutputFile();
  OutputFile(OutputFile&& other) noexcept;
  OutputFile& operator=(OutputFile&&) = delete;

  explicit operator bool() const noexcept { return static_cast<bool>(fd_); }
  int fd() const noexcept { return fd_.get(); }
  const std::string& path() const noexcept { return path_; }
  /// Its device, inode and size.
  struct stat status() const;
  /// From now on it holds the new content: empties it if it is a regular file. @throws std::system_error
  void begin();
  /// Writes all of it, after begin(). @throws std::system_error that names the file
  void write(std::string_view content);

 private:
  void open(const std::function<bool()>& give_up);

  std::string flag_;
  std::string path_;
  std::string created_;  // its canonical name; "" = it existed, or is to be kept
  UniqueFd fd_{-1};
};

/// Whether content written to one would mix with the other's. Two names of /dev/null do not.
bool would_mix(const struct stat& a, const struct stat& b) noexcept;

}  // namespace connbench
