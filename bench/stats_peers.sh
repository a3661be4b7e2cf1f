#!/usr/bin/env bash
# The statistics' peer: statsmodels in an environment of its own under build/peers. Without it the benchmark
# gives our power alone, and one line says why.
set -euo pipefail
. "$(dirname "$0")/../scripts/lib.sh"
venv=$root/build/peers/statsmodels
"$venv/bin/python" -c 'import statsmodels' 2>/dev/null && exit 0
python3 -m venv "$venv" 2>/dev/null && "$venv/bin/pip" install -q statsmodels 2>/dev/null &&
  "$venv/bin/python" -c 'import statsmodels' 2>/dev/null && exit 0
rm -rf "$venv"
printf 'stats: statsmodels cannot be installed here (python3-venv and pip are needed); no reference\n' >&2
