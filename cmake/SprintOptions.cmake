# Compiler settings that every target of the project shares.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/bin")

if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "" FORCE)
endif()

find_program(SPRINT_CCACHE ccache)
if(SPRINT_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER "${SPRINT_CCACHE}")
endif()

# sprint_options carries warnings and sanitizers; third-party headers are SYSTEM and stay out.
add_library(sprint_options INTERFACE)
target_compile_options(sprint_options INTERFACE -Wall -Wextra)
if(SPRINT_WARNINGS_AS_ERRORS)
  target_compile_options(sprint_options INTERFACE -Werror)
endif()
if(CMAKE_CXX_COMPILER_ID MATCHES "Clang")
  target_compile_options(sprint_options INTERFACE -Wthread-safety)
endif()
target_include_directories(sprint_options INTERFACE "${PROJECT_SOURCE_DIR}")

if(SPRINT_SANITIZE)
  add_compile_options(-fsanitize=${SPRINT_SANITIZE} -fno-omit-frame-pointer -g1)
  add_link_options(-fsanitize=${SPRINT_SANITIZE})
  if(SPRINT_SANITIZE MATCHES "undefined")
    add_compile_options(-fno-sanitize-recover=undefined)
  endif()
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # The instrumented code makes g++ 12 see uninitialised values that are none.
    add_compile_options(-Wno-maybe-uninitialized)
  endif()
endif()
