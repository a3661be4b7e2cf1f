# sprint_library(NAME SOURCES a.cc … [PUBLIC lib …] [PRIVATE lib …])
#   One room of the house, or one floor of a room: the static library sprint_NAME.
#   Torch is always PRIVATE to the libraries that include it and never reaches a proto's.
function(sprint_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;PUBLIC;PRIVATE" ${ARGN})
  add_library(sprint_${name} STATIC ${ARG_SOURCES})
  target_link_libraries(sprint_${name} PUBLIC ${ARG_PUBLIC} PRIVATE sprint_options ${ARG_PRIVATE})
  target_include_directories(sprint_${name} PUBLIC "${PROJECT_SOURCE_DIR}")
endfunction()

# sprint_program(NAME SOURCES a.cc … LIBS lib …)
function(sprint_program name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LIBS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE sprint_options ${ARG_LIBS})
  install(TARGETS ${name} RUNTIME DESTINATION bin)
endfunction()

# sprint_test(NAME SOURCES a_test.cc … LIBS lib … [LABELS l …] [TIMEOUT seconds] [ENV K=V …])
#   One test binary per unit, run by ctest under the name NAME. Tests that need
#   ../shared find it through SPRINT_SHARED_DIR and skip with one line without it.
function(sprint_test name)
  cmake_parse_arguments(ARG "" "TIMEOUT" "SOURCES;LIBS;LABELS;ENV" ${ARGN})
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 120)
  endif()
  if(SPRINT_SANITIZE)
    math(EXPR ARG_TIMEOUT "${ARG_TIMEOUT} * 5")  # what a sanitizer costs, at its worst
  endif()
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE sprint_options ${ARG_LIBS} sprint_testing GTest::gmock GTest::gtest_main)
  add_test(NAME ${name} COMMAND ${name} WORKING_DIRECTORY "${PROJECT_SOURCE_DIR}")
  set(env "SPRINT_SOURCE_DIR=${PROJECT_SOURCE_DIR}" "SPRINT_BIN_DIR=${CMAKE_RUNTIME_OUTPUT_DIRECTORY}"
          "TSAN_OPTIONS=suppressions=${PROJECT_SOURCE_DIR}/tests/tsan.supp:history_size=4"
          "LSAN_OPTIONS=suppressions=${PROJECT_SOURCE_DIR}/tests/lsan.supp" ${ARG_ENV})
  set_tests_properties(${name} PROPERTIES TIMEOUT ${ARG_TIMEOUT} LABELS "${ARG_LABELS}" ENVIRONMENT "${env}")
endfunction()
