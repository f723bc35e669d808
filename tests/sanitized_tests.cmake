# What the builds with sanitizers leave out, or do in another way. The release build runs every test, each in a process of
# its own.

# With AddressSanitizer, starting a program takes 0.13 s of processor time, more than most tests. So the tests of a program
# share a few processes there: of N parts, each takes every N-th test.
if(CONNBENCH_SANITIZE MATCHES "address")
  set(parts_of_harness_test 12)
  set(parts_of_command_test 16)
  set(parts_of_fault_test 6)
  set(parts_of_connectors_test 4)
endif()

# connbench_find_tests(<program>): adds its tests to CTest.
function(connbench_find_tests program)
  if(CONNBENCH_SANITIZE MATCHES "address")
    set(parts 1)
    if(DEFINED parts_of_${program})
      set(parts ${parts_of_${program}})
    endif()
    foreach(part RANGE 1 ${parts})
      math(EXPR index "${part} - 1")
      add_test(NAME ${program}.part_${part} COMMAND ${program} --gtest_brief=1)
      set_tests_properties(${program}.part_${part} PROPERTIES TIMEOUT 900 COST 5
                           ENVIRONMENT "GTEST_TOTAL_SHARDS=${parts};GTEST_SHARD_INDEX=${index}")
    endforeach()
    return()
  endif()
  set(filter "")
  if(CONNBENCH_ONLY_THREADS AND DEFINED threads_of_${program})
    set(filter TEST_FILTER ${threads_of_${program}})
  endif()
  gtest_discover_tests(${program} ${filter} DISCOVERY_TIMEOUT 300 NO_PRETTY_VALUES PROPERTIES TIMEOUT 300)
endfunction()

# ThreadSanitizer sees what several threads do. What has one thread is tested with the other sanitizers, and not once more.
# Each test still has a process of its own: it takes a descriptor that an earlier test has used for a race.
string(COMPARE EQUAL "${CONNBENCH_SANITIZE}" "thread" CONNBENCH_ONLY_THREADS)
set(one_thread
    # arithmetic, texts, files
    harness/connector/ harness/programs/ harness/record/ harness/scenarios/ harness/support/ harness/trace/
    harness/run/destinations_ harness/run/openable_ harness/run/pending_room_ harness/run/phase_lock_ harness/run/plan_
    harness/run/rate_search_ harness/run/steadiness_ harness/run/tcp_memory_ harness/run/warnings_
    harness/wave/case_ harness/wave/pacing_ harness/wave/program_text_ harness/wave/sample_ harness/wave/share_
    # what the kernel says of the machine and of processes: only usage_test reads what other threads write
    harness/exhaust/limit_ harness/machine/cpu_ harness/machine/inherited_ harness/machine/interference_
    harness/machine/kernel_timeout_ harness/machine/machine_ harness/machine/memory_ harness/machine/processors_
    harness/machine/shortage_ harness/machine/surroundings_
    # servers, the link and whatever else is a process with one thread: only measured_child_test has threads
    harness/lab/ harness/targets/ harness/process/ask_ harness/process/child_ harness/process/descriptor_ harness/process/known_
    harness/process/process_ harness/process/server_ harness/process/shared_ harness/process/stop_ harness/process/suspension_
    # commands that drive no threads of a connector, or those that other tests of `run` drive
    bench/bad_input_ bench/cluster_messages_ bench/command_line_ bench/companions_ bench/completion_ bench/external_ bench/fitness_
    bench/inherited_state_ bench/known_lateness_ bench/outputs_ bench/pipes_ bench/placement_ bench/probe_ bench/programs_
    bench/repeat_ bench/stopping_benchmarks_ bench/trace_ bench/vocabulary_)
list(JOIN one_thread "|" one_thread)

# Connectors that have threads of their own, by a part of their names, and the tests of these programs that run them.
set(connectors_with_threads threads pool asio libuv libcurl fiber)
list(TRANSFORM connectors_with_threads PREPEND "*/*" OUTPUT_VARIABLE with_threads)
list(TRANSFORM with_threads APPEND "*")
list(JOIN with_threads ":" with_threads)
set(threads_of_fault_test "${with_threads}:FaultInjection.*")
set(threads_of_connectors_test "${with_threads}:BoundsOfConnect.*:SourcePort.*")
set(threads_of_command_test "*-*RefusedExhaust*") # refused before anything starts
list(JOIN connectors_with_threads "|" connectors_with_threads)

# connbench_only_threads(<list>): removes the sources of tests that ThreadSanitizer need not see.
function(connbench_only_threads sources)
  if(CONNBENCH_ONLY_THREADS)
    list(FILTER ${sources} EXCLUDE REGEX "/tests/(${one_thread})")
    set(${sources} ${${sources}} PARENT_SCOPE)
  endif()
endfunction()
