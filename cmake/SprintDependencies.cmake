# Every third-party library, in one place. docs/DEPENDENCIES.md says why each is here.
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)

# Protobuf and gRPC come through pkg-config: libtorch's CMake package shadows
# find_package(Protobuf) when the libtorch is the one inside a Python wheel.
pkg_check_modules(PROTOBUF REQUIRED IMPORTED_TARGET protobuf)
pkg_check_modules(GRPCPP REQUIRED IMPORTED_TARGET grpc++)
pkg_check_modules(SQLITE REQUIRED IMPORTED_TARGET sqlite3>=3.37)
pkg_check_modules(ZSTD REQUIRED IMPORTED_TARGET libzstd)
pkg_check_modules(PCRE2 REQUIRED IMPORTED_TARGET libpcre2-8)
pkg_check_modules(CRYPTO REQUIRED IMPORTED_TARGET libcrypto)
pkg_check_modules(UTF8PROC REQUIRED IMPORTED_TARGET libutf8proc)
find_program(PROTOC protoc REQUIRED)
find_program(GRPC_CPP_PLUGIN grpc_cpp_plugin REQUIRED)
find_library(GRPCPP_REFLECTION grpc++_reflection REQUIRED)

find_package(absl REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(yaml-cpp REQUIRED)
find_package(CLI11 REQUIRED)
find_package(spdlog REQUIRED)
find_package(prometheus-cpp REQUIRED)
find_package(Boost CONFIG REQUIRED)  # headers only: Boost.Multiprecision, for exact answers
if(SPRINT_BUILD_TESTS)
  find_package(GTest REQUIRED)
endif()

# yaml-cpp's target has no namespace before 0.8.
if(NOT TARGET yaml-cpp::yaml-cpp)
  add_library(yaml-cpp::yaml-cpp ALIAS yaml-cpp)
endif()

# sprint_torch: libtorch without its global side effects. Debian's and the wheel's packages both
# set TORCH_LIBRARIES and TORCH_INCLUDE_DIRS; nothing but this target reads them.
if(SPRINT_WITH_TORCH)
  include(SprintTorch)
endif()
