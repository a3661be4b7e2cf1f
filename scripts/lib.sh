# Shared by the scripts; sourced, never run. POSIX-ish bash.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

say() { printf '\033[1m==> %s\033[0m\n' "$*" >&2; }
die() { printf 'error: %s\n' "$*" >&2; exit 1; }
if [ ! -t 2 ] || [ -n "${NO_COLOR:-}" ]; then say() { printf '==> %s\n' "$*" >&2; }; fi

jobs=${SPRINT_JOBS:-$(nproc)}

# What Debian 12 and 13 need to build, run and test. docs/DEPENDENCIES.md says why each is here.
packages=(
  cmake ninja-build ccache g++ pkg-config git ca-certificates
  libgrpc++-dev protobuf-compiler protobuf-compiler-grpc libprotobuf-dev libabsl-dev
  libsqlite3-dev libzstd-dev libssl-dev libspdlog-dev libfmt-dev libcli11-dev libyaml-cpp-dev
  nlohmann-json3-dev libpcre2-dev libutf8proc-dev prometheus-cpp-dev libboost-dev
  libgtest-dev libgmock-dev libhwy-dev
)
# libtorch, unless CMAKE_PREFIX_PATH names another. The OpenMP build of OpenBLAS comes in the same
# call, so that the pthread build, which fights with libtorch's threads, is not chosen for it.
torch_packages=(libtorch-dev libopenblas0-openmp)
# What checking the source needs.
check_packages=(clang clang-format clang-tidy python3 procps)

# install_packages NAME… : installs what is missing, as root or with sudo; else says what to install.
install_packages() {
  local missing=() p
  for p in "$@"; do
    dpkg-query -W -f='${Status}' "$p" 2>/dev/null | grep -q 'ok installed' || missing+=("$p")
  done
  [ ${#missing[@]} -eq 0 ] && return 0
  command -v apt-get >/dev/null || die "this needs Debian 12 or 13; elsewhere install the equivalents of: ${missing[*]}"
  local sudo=()
  if [ "$(id -u)" -ne 0 ]; then
    if command -v sudo >/dev/null && { [ -t 0 ] || sudo -n true 2>/dev/null; }; then
      sudo=(sudo)
    else
      die "packages are missing and this is neither root nor sudo; as root: apt-get install ${missing[*]}"
    fi
  fi
  say "installing ${#missing[@]} packages"
  export DEBIAN_FRONTEND=noninteractive
  "${sudo[@]}" apt-get update -qq || die "apt-get update failed"
  "${sudo[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}" >&2 ||
    die "apt-get install failed; as root: apt-get install ${missing[*]}"
}

# build PRESET [TARGET…] : configures and builds.
build() {
  local preset=$1
  shift
  say "building ($preset)"
  (cd "$root" && cmake --preset "$preset" ${SPRINT_CMAKE_ARGS:-} >"/tmp/sprint-configure.$$" 2>&1) ||
    { cat "/tmp/sprint-configure.$$" >&2; rm -f "/tmp/sprint-configure.$$"; die "cmake could not configure"; }
  rm -f "/tmp/sprint-configure.$$"
  local targets=()
  [ $# -gt 0 ] && targets=(--target "$@")
  cmake --build "$root/build/$preset" -j "$jobs" "${targets[@]}" >&2 || die "the build failed"
}

install_build_packages() {
  if [ -n "${CMAKE_PREFIX_PATH:-}" ]; then install_packages "${packages[@]}"; else install_packages "${packages[@]}" "${torch_packages[@]}"; fi
}
