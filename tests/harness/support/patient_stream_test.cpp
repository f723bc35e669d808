#include "harness/support/patient_stream.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <string>
#include <thread>

#include "tests/support/pipe.h"

namespace connbench {
namespace {

void stop_blocking(int fd) {
  ::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK);
}

TEST(PatientStream, WritesMoreThanThePipeHolds) {
  Pipe pipe;
  ::fcntl(pipe.writing.get(), F_SETPIPE_SZ, 4096);
  stop_blocking(pipe.writing.get());
  FILE* stream = nullptr;
  make_patient(stream, pipe.writing.get());
  ASSERT_NE(stream, nullptr);
  const std::string sent(100'000, 'x');
  std::string received;
  std::jthread reader([&] {
    char part[1000];
    for (ssize_t got; (got = ::read(pipe.reading.get(), part, sizeof part)) > 0;)
      received.append(part, static_cast<size_t>(got));
  });
  EXPECT_EQ(std::fwrite(sent.data(), 1, sent.size(), stream), sent.size());
  EXPECT_EQ(std::fclose(stream), 0);
  EXPECT_NE(::fcntl(pipe.writing.get(), F_GETFL) & O_NONBLOCK, 0) << "it belongs to others too";
  pipe.writing.reset(-1);
  reader.join();
  EXPECT_EQ(received, sent);
}

TEST(PatientStream, ReportsAnError) {
  Pipe pipe;
  stop_blocking(pipe.reading.get());  // which cannot be written to
  FILE* stream = nullptr;
  make_patient(stream, pipe.reading.get());
  ASSERT_NE(stream, nullptr);
  std::fputs("text", stream);
  EXPECT_NE(std::fclose(stream), 0);
}

TEST(PatientStream, LeavesAStreamThatBlocks) {
  const Pipe pipe;
  FILE* stream = stdout;
  make_patient(stream, pipe.writing.get());
  EXPECT_EQ(stream, stdout);
}

}  // namespace
}  // namespace connbench
