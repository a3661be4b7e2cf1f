#!/usr/bin/env python3
"""The peer of the judge's benchmark: math-verify with its default settings.

Reads lines {"pairs": [[gold, pred], …]}; answers each with {"seconds": [… a pair], "correct": [… a pair]},
in processor time. Runs in the environment that bench/judge_peers.sh makes.
"""
import json
import logging
import sys
import time

from math_verify import parse, verify

logging.disable(logging.CRITICAL)
for line in sys.stdin:
    seconds, correct = [], []
    for gold, pred in json.loads(line)["pairs"]:
        begin = time.process_time()
        try:
            verdict = bool(verify(parse(gold), parse(pred)))
        except Exception:  # what it does on texts it cannot take is part of its result
            verdict = False
        seconds.append(time.process_time() - begin)
        correct.append(verdict)
    print(json.dumps({"seconds": seconds, "correct": correct}), flush=True)
