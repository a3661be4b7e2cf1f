# Finds libtorch (Debian's libtorch-dev, or a Python wheel's by CMAKE_PREFIX_PATH) and makes the
# target sprint_torch of it. find_package(Torch) runs in a scope of its own, since it changes
# CMAKE_CXX_FLAGS and defines targets that clash with ours.
function(sprint_find_torch)
  find_package(Torch REQUIRED)
  # The package looks for libc10 in the system's folders first: with two libtorches installed it
  # would add the other one's. Its own comes with the target `torch`.
  list(FILTER TORCH_LIBRARIES EXCLUDE REGEX "libc10[.]so$")
  add_library(sprint_torch INTERFACE)
  target_include_directories(sprint_torch SYSTEM INTERFACE ${TORCH_INCLUDE_DIRS})
  target_link_libraries(sprint_torch INTERFACE ${TORCH_LIBRARIES})
  separate_arguments(flags UNIX_COMMAND "${TORCH_CXX_FLAGS}")
  target_compile_options(sprint_torch INTERFACE ${flags})
  if(CMAKE_CXX_COMPILER_ID MATCHES "Clang")
    # libtorch 1.13's headers use c10::IValue before it is complete, which clang refuses in C++20.
    target_compile_options(sprint_torch INTERFACE "SHELL:-include ATen/core/ivalue.h")
  endif()
  message(STATUS "libtorch ${Torch_VERSION} from ${TORCH_INSTALL_PREFIX}")
  if(TORCH_CXX_FLAGS MATCHES "_GLIBCXX_USE_CXX11_ABI=0")
    message(FATAL_ERROR "This libtorch was built with the old C++ ABI, which gRPC's and Abseil's "
      "packages are not. Use Debian's libtorch-dev, or a wheel of torch 2.6 or newer.")
  endif()
endfunction()
sprint_find_torch()
