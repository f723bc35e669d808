// Linked into every test program. Tests send signals to themselves and to what they start. Some may be ignored when the
// tests start: SIGHUP under nohup, and SIGINT and SIGQUIT in the background of a shell. Our programs honour that.
#include <signal.h>

#include <initializer_list>

namespace {

[[maybe_unused]] const bool usual = [] {
  for (const int number : {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGCHLD}) ::signal(number, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  return ::sigprocmask(SIG_SETMASK, &none, nullptr) == 0;
}();

}  // namespace

// LeakSanitizer does not look into the stacks that State Threads maps, where the only pointer to one of its records is.
extern "C" const char* __lsan_default_suppressions();
extern "C" const char* __lsan_default_suppressions() {
  return "leak:_st_stack_new\n";
}
