# Removes what git hands to a hook: with GIT_INDEX_FILE, `git describe` would refresh the index of the commit under way
# with the files of this tree, and with GIT_DIR it would name the commit of another repository.
execute_process(COMMAND ${CMAKE_COMMAND} -E environment OUTPUT_VARIABLE inherited)
string(REGEX MATCHALL "(^|\n)GIT_[A-Z0-9_]+=" inherited "${inherited}")
foreach(variable IN LISTS inherited)
  string(REGEX MATCH "GIT_[A-Z0-9_]+" variable "${variable}")
  if(NOT variable MATCHES "^GIT_CONFIG_(GLOBAL|SYSTEM|NOSYSTEM)$")
    unset(ENV{${variable}})
  endif()
endforeach()
