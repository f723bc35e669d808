# Tests with sanitizers. There a program takes 0.1 s of processor time to start, more than most tests, so that the tests of a
# program share a few processes. Without sanitizers each test has a process of its own, and CTest names it.
set(parts_of_harness_test 8)
set(parts_of_command_test 10)
set(parts_of_fault_test 6)
set(parts_of_connectors_test 3)

# connbench_test_in_parts(<program>): of N parts, each takes every N-th test.
function(connbench_test_in_parts program)
  set(parts 1)
  if(DEFINED parts_of_${program})
    set(parts ${parts_of_${program}})
  endif()
  math(EXPR last "${parts} - 1")
  foreach(part RANGE ${last})
    add_test(NAME ${program}.part_${part} COMMAND ${program} --gtest_brief=1)
    set_tests_properties(${program}.part_${part} PROPERTIES TIMEOUT 900 COST 5
                         ENVIRONMENT "GTEST_TOTAL_SHARDS=${parts};GTEST_SHARD_INDEX=${part}")
  endforeach()
endfunction()

# ThreadSanitizer sees what several threads do. What has one thread is tested with the other sanitizers, and not once more.
string(COMPARE EQUAL "${CONNBENCH_SANITIZE}" "thread" CONNBENCH_ONLY_THREADS)
set(one_thread
    harness/record/ harness/scenarios/ harness/support/
    harness/lab/link/connection_memory_test harness/lab/link/held_frames_test harness/lab/link/judge_test harness/lab/link/packet_
    harness/lab/link/raw_frames_test harness/lab/link/refusal_test harness/lab/link/rule_test harness/lab/link/unreachable_test
    bench/bad_input_test bench/command_line_test bench/companions_test bench/inherited_state_test bench/outputs_test
    bench/pipes_test bench/placement_test bench/probe_test bench/programs_test bench/vocabulary_test)
list(JOIN one_thread "|" one_thread)

# connbench_only_threads(<list>): removes the sources of tests that ThreadSanitizer need not see.
function(connbench_only_threads sources)
  if(CONNBENCH_ONLY_THREADS)
    list(FILTER ${sources} EXCLUDE REGEX "/tests/(${one_thread})")
    set(${sources} ${${sources}} PARENT_SCOPE)
  endif()
endfunction()
