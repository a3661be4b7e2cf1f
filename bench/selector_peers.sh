#!/usr/bin/env bash
# The selector's peer: PyTorch in an environment of its own under build/peers. Without it the benchmark gives
# our figures alone, and one line says why.
set -euo pipefail
. "$(dirname "$0")/../scripts/lib.sh"
venv=$root/build/peers/torch
"$venv/bin/python" -c 'import torch, numpy' 2>/dev/null && exit 0
python3 -m venv "$venv" 2>/dev/null &&
  { "$venv/bin/pip" install -q torch numpy --index-url https://download.pytorch.org/whl/cpu 2>/dev/null ||
    "$venv/bin/pip" install -q torch numpy 2>/dev/null; } &&
  "$venv/bin/python" -c 'import torch, numpy' 2>/dev/null && exit 0
rm -rf "$venv"
printf 'selector: PyTorch cannot be installed here (python3-venv and pip are needed); no reference\n' >&2
