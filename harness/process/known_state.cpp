#include "harness/process/known_state.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <string>
#include <vector>

#include "harness/support/patient_stream.h"
#include "harness/support/standard_streams.h"

namespace connbench {
namespace {

constexpr int left_to_the_parent[] = {SIGHUP,  SIGINT,  SIGQUIT, SIGTERM, SIGALRM, SIGVTALRM,
                                      SIGPROF, SIGXCPU, SIGTSTP, SIGTTIN, SIGTTOU};

constexpr int prepared[] = {SIGPIPE, SIGXFSZ};  // by prepare_standard_streams()

bool is_one_of(std::span<const int> signals, int number) {
  return std::ranges::find(signals, number) != signals.end();
}

// Handlers stay: before main() only a library, such as a sanitizer's, can have installed one.
void reset_signals() {
  for (int number = 1; number <= SIGRTMAX; ++number) {
    struct sigaction known {};
    const bool exists = ::sigaction(number, nullptr, &known) == 0;  // two belong to the C library
    const bool handled = known.sa_handler != SIG_DFL && known.sa_handler != SIG_IGN;
    if (!exists || handled || is_one_of(left_to_the_parent, number) || is_one_of(prepared, number)) continue;
    ::signal(number, SIG_IGN);  // drops one that is pending: it was meant for the program that ran here before
    ::signal(number, SIG_DFL);
  }
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

}  // namespace

void enter_known_state() {
  prepare_standard_streams();
  make_patient(stdout, STDOUT_FILENO);
  make_patient(stderr, STDERR_FILENO);
  reset_signals();
  ::prctl(PR_SET_DUMPABLE, 1);
}

bool ignores(int signal) noexcept {
  struct sigaction known {};
  return ::sigaction(signal, nullptr, &known) == 0 && known.sa_handler == SIG_IGN;
}

void remove_variables(std::span<const std::string_view> names) {
  const auto is_meant = [names](std::string_view name) {
    return std::ranges::any_of(names, [name](std::string_view meant) {
      return meant.ends_with('*') ? name.starts_with(meant.substr(0, meant.size() - 1)) : name == meant;
    });
  };
  std::vector<std::string> found;
  for (char** variable = environ; variable != nullptr && *variable != nullptr; ++variable) {
    const std::string_view text = *variable;
    if (const std::string_view name = text.substr(0, text.find('=')); is_meant(name)) found.emplace_back(name);
  }
  for (const std::string& name : found) ::unsetenv(name.c_str());
}

}  // namespace connbench
