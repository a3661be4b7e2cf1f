#!/usr/bin/env bash
# Prepares what the engine is measured against, in build/peers: a venv with transformers, and
# llama.cpp's tools, built from the source package of llama-cpp-python. What is there is kept; what
# cannot be had is one line on standard error, and no failure.
set -uo pipefail
. "$(dirname "$0")/../scripts/lib.sh"

peers=$root/build/peers
mkdir -p "$peers"
command -v python3 >/dev/null || { say "no python3: transformers and llama.cpp are missing"; exit 0; }

transformers() {
  local venv=$peers/transformers
  "$venv/bin/python" -c 'import transformers, torch, gguf' 2>/dev/null && return 0
  python3 -m venv "$venv" &&
    { { ! nvidia-smi >/dev/null 2>&1 && "$venv/bin/pip" install -q torch --index-url https://download.pytorch.org/whl/cpu; } ||
      "$venv/bin/pip" install -q torch; } &&
    "$venv/bin/pip" install -q transformers gguf numpy accelerate && return 0
  rm -rf "$venv"
  return 1
}

llama() {
  [ -x "$peers/llama-batched-bench" ] && return 0
  local work=$peers/llama
  mkdir -p "$work"
  ls "$work"/llama_cpp_python-*.tar.gz >/dev/null 2>&1 ||
    python3 -m pip download -q --no-binary llama-cpp-python --no-deps -d "$work" llama-cpp-python || return 1
  tar -xzf "$work"/llama_cpp_python-*.tar.gz -C "$work" || return 1
  cmake -S "$work"/llama_cpp_python-*/vendor/llama.cpp -B "$work/build" -G Ninja -DCMAKE_BUILD_TYPE=Release \
    -DBUILD_SHARED_LIBS=OFF -DLLAMA_CURL=OFF -DLLAMA_OPENSSL=OFF -DLLAMA_BUILD_TESTS=OFF \
    -DLLAMA_BUILD_SERVER=OFF -DLLAMA_BUILD_EXAMPLES=OFF >"$work/log" 2>&1 || return 1
  cmake --build "$work/build" -j "$jobs" --target llama-batched-bench llama-quantize >>"$work/log" 2>&1 || return 1
  cp "$work/build/bin/llama-batched-bench" "$work/build/bin/llama-quantize" "$peers/"
}

say "preparing what the engine is measured against (build/peers)"
transformers >&2 || say "transformers is missing: pip could not install it"
llama >&2 || say "llama.cpp is missing: it could not be downloaded or built (build/peers/llama/log)"
exit 0
