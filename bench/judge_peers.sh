#!/usr/bin/env bash
# The judge's peer: math-verify in an environment of its own under build/peers. Without it the benchmark
# gives our figures alone, and one line says why.
set -euo pipefail
. "$(dirname "$0")/../scripts/lib.sh"
venv=$root/build/peers/math-verify
"$venv/bin/python" -c 'import math_verify' 2>/dev/null && exit 0
python3 -m venv "$venv" 2>/dev/null && "$venv/bin/pip" install -q math-verify==0.9.0 antlr4-python3-runtime==4.13.2 2>/dev/null &&
  "$venv/bin/python" -c 'import math_verify' 2>/dev/null && exit 0
rm -rf "$venv"
printf 'judge: math-verify 0.9 cannot be installed here (python3-venv and pip are needed); no reference\n' >&2
