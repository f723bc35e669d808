# The commit that is built, for run.json: that of the checkout, or the one of which this is an archive (`git archive`
# replaces the format in commit.txt). An archive may lie in the checkout of something else, so it is asked first.
file(STRINGS ${CMAKE_CURRENT_LIST_DIR}/commit.txt CONNBENCH_GIT_COMMIT LIMIT_COUNT 1)
if(CONNBENCH_GIT_COMMIT MATCHES "^[0-9a-f]+$")
  string(SUBSTRING ${CONNBENCH_GIT_COMMIT} 0 12 CONNBENCH_GIT_COMMIT)
else()
  execute_process(COMMAND git --no-optional-locks -C ${PROJECT_SOURCE_DIR} describe --always --dirty --abbrev=12 --exclude=*
                  OUTPUT_VARIABLE CONNBENCH_GIT_COMMIT OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
endif()
