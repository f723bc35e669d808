# ThreadSanitizer sees what several threads do. What has one thread is tested with the other sanitizers, and not once more.
string(COMPARE EQUAL "${CONNBENCH_SANITIZE}" "thread" CONNBENCH_ONLY_THREADS)
set(one_thread
    harness/record/ harness/scenarios/ harness/support/
    harness/lab/link/connection_memory_test harness/lab/link/held_frames_test harness/lab/link/judge_test harness/lab/link/packet_
    harness/lab/link/raw_frames_test harness/lab/link/refusal_test harness/lab/link/rule_test harness/lab/link/unreachable_test
    bench/bad_input_test bench/command_line_test bench/companions_test bench/inherited_state_test bench/outputs_test
    bench/pipes_test bench/placement_test bench/probe_test bench/programs_test bench/stopping_benchmarks_test
    bench/vocabulary_test)
list(JOIN one_thread "|" one_thread)

# connbench_only_threads(<list>): removes the sources of tests that ThreadSanitizer need not see.
function(connbench_only_threads sources)
  if(CONNBENCH_ONLY_THREADS)
    list(FILTER ${sources} EXCLUDE REGEX "/tests/(${one_thread})")
    set(${sources} ${${sources}} PARENT_SCOPE)
  endif()
endfunction()
