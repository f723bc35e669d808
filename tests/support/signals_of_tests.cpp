// Linked into every test program. Tests send signals to themselves and to what they start. Whoever runs them may ignore
// some: nohup SIGHUP, and a shell SIGINT and SIGQUIT of what it runs in the background. Our programs honour that.
#include <signal.h>

namespace {

[[maybe_unused]] const bool usual = [] {
  for (const int number : {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGCHLD}) ::signal(number, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  return ::sigprocmask(SIG_SETMASK, &none, nullptr) == 0;
}();

}  // namespace
