#!/usr/bin/env python3
"""Rules of the house that a compiler does not know. `lint.py RULE [FILE…]`, from the source root.

Exit codes: 0 the rule holds, 1 it does not (a line for each place), 77 it cannot be checked here.
"""
import os
import re
import shutil
import subprocess
import sys

CODE = (".cc", ".h")
ROOMS = ("base", "proto", "model", "eval", "conversation", "storage", "coordinator", "worker", "selector",
         "cli", "demo", "bench", "tests")

# The layer rule: what the files under a path may include of the house, longest path first. Every
# room may include itself. docs/ARCHITECTURE.md explains it.
LAYERS = {
    "base": [],
    "proto": ["base"],
    "model": ["base"],
    "eval": ["base", "model"],
    "conversation/messages": ["base", "model"],
    "conversation": ["base", "model", "proto"],
    "storage": ["base", "model"],
    "coordinator/core": ["base", "model", "storage", "conversation/messages"],
    "coordinator/rpc": ["base", "model", "eval", "storage", "conversation", "proto", "coordinator"],
    "coordinator/http": ["base", "model", "eval", "storage", "conversation", "proto", "coordinator"],
    "coordinator": ["base", "model", "eval", "storage", "conversation", "proto"],
    "worker/agent": ["base", "model", "conversation/messages"],
    "worker/engine": ["base", "model"],
    "worker": ["base", "model", "conversation", "proto"],
    "selector": ["base", "model", "eval", "storage", "worker/engine"],
    "selector/program": ["base", "model", "eval", "storage", "selector", "cli"],
    "cli": ["base", "model", "eval", "storage", "selector", "conversation", "proto"],
    "demo": ["base", "model", "eval"],
    "bench": list(ROOMS),
    "tests": list(ROOMS),
}
# The core and the agent are pure, and protos stay at the edges.
PURE = ("coordinator/core/", "worker/agent", "conversation/messages", "model/", "eval/", "base/", "storage/")
PURE_FORBIDDEN = re.compile(r"grpc|google/protobuf|sprint/v1/")
CORE_FORBIDDEN = re.compile(r"sqlite3|<thread>|<mutex>|<random>|<chrono>|base/clock|base/rng|storage/sqlite")
TORCH = re.compile(r"^(torch|ATen|c10|caffe2)/")
TORCH_ALLOWED = re.compile(r"^(worker/engine/.*\.(cc|cu)|selector/.*\.cc|demo/.*|tests/worker/engine/.*|tests/demo/.*|bench/.*\.cc|"
                           r"worker/engine/torch_internal/.*\.h)$")
INCLUDE = re.compile(r'^\s*#\s*include\s+["<]([^">]+)[">]', re.M)
MAX_LINES = 500


def tracked(root):
    out = subprocess.run(["git", "-C", root, "ls-files", "-co", "--exclude-standard"], capture_output=True,
                         text=True)
    if out.returncode != 0:  # a source archive without git
        return sorted(os.path.relpath(os.path.join(d, f), root) for d, _, fs in os.walk(root) for f in fs
                      if "/build" not in d and "/.git" not in d)
    return sorted(f for f in out.stdout.split("\n") if f and os.path.exists(os.path.join(root, f)))


def read(root, path):
    with open(os.path.join(root, path), encoding="utf-8", errors="replace") as f:
        return f.read()


def layer_of(path):
    best = ""
    for prefix in LAYERS:
        if (path == prefix or path.startswith(prefix + "/") or path.startswith(prefix + ".")
                or (prefix == "worker/agent" and path.startswith("worker/agent"))) and len(prefix) > len(best):
            best = prefix
    return best


def room_allows(layer, include):
    if include.startswith("sprint/v1/"):
        include = "proto/" + include
    own = layer_of(include)
    if own == layer or include.startswith(layer + "/"):
        return True
    for allowed in LAYERS[layer]:
        if own == allowed or include.startswith(allowed + "/") or include.startswith(allowed + "."):
            return True
    # A layer may see the rest of its own room only where the table names the room.
    return layer == own.split("/")[0] and layer in ("worker", "coordinator", "conversation")


def check_layers(root, files):
    problems = []
    for path in files:
        if not path.endswith(CODE) or path.split("/")[0] not in ROOMS:
            continue
        layer = layer_of(path)
        for include in INCLUDE.findall(read(root, path)):
            where = f"{path}: includes {include}"
            if TORCH.match(include) and not TORCH_ALLOWED.match(path):
                problems.append(f"{where}: torch stays in implementation files of worker/engine and selector")
            if path.startswith(PURE) and PURE_FORBIDDEN.search(include):
                problems.append(f"{where}: protos and gRPC stay at the edges")
            if path.startswith(("coordinator/core/", "worker/agent")) and CORE_FORBIDDEN.search(include):
                if not (path.startswith("worker/agent") and include == "base/rng.h"):
                    problems.append(f"{where}: a pure state machine has no clock, thread, chance or database")
            if (include.split("/")[0] in ROOMS or include.startswith("sprint/v1/")) and layer:
                if not room_allows(layer, include):
                    problems.append(f"{where}: {layer} may include {', '.join(LAYERS[layer]) or 'itself only'}")
    return problems


def check_format(root, files):
    tool = shutil.which("clang-format-14") or shutil.which("clang-format")
    if tool is None:
        sys.exit(skip("clang-format is not installed"))
    version = subprocess.run([tool, "--version"], capture_output=True, text=True).stdout
    if " 14." not in version:
        sys.exit(skip(f"the format is defined by clang-format 14, here is {version.strip()}"))
    sources = [f for f in files if f.endswith(CODE)]
    out = subprocess.run([tool, "--dry-run", *sources], cwd=root, capture_output=True, text=True)
    bad = sorted({line.split(":")[0] for line in out.stderr.split("\n") if "-Wclang-format-violations" in line})
    return [f"{path}: run clang-format -i on it" for path in bad]


def check_markers(root, files):
    marker = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b|not implemented yet", re.I)
    problems = []
    for path in files:
        if path.startswith("tests/lint/") or not path.endswith(CODE + (".py", ".sh", ".proto", ".cmake", ".txt")):
            continue
        for number, line in enumerate(read(root, path).split("\n"), 1):
            if re.search(r"\b(TODO|FIXME|XXX|HACK)\b", line) or "not implemented yet" in line.lower():
                problems.append(f"{path}:{number}: a leftover marker: {marker.search(line).group(0)}")
    return problems


def check_file_size(root, files):
    problems = []
    for path in files:
        if path.endswith(CODE + (".py",)) and not path.startswith("tests/data/"):
            lines = read(root, path).count("\n")
            if lines > MAX_LINES:
                problems.append(f"{path}: {lines} lines; past {MAX_LINES}, a second thing lives in it")
    return problems


def check_guards(root, files):
    problems = []
    for path in files:
        if not path.endswith(".h"):
            continue
        guard = "SPRINT_" + re.sub(r"[^A-Za-z0-9]", "_", path).upper() + "_"
        if f"#ifndef {guard}\n#define {guard}\n" not in read(root, path) and "-inl.h" not in path:
            problems.append(f"{path}: its include guard must be {guard}")
    return problems


def check_self_contained(root, files):
    """The project speaks of itself alone: no folder of one machine in what is shipped."""
    machine = re.compile(r"/work/|/root/|/home/[a-z]|/tmp/(build|venv)")
    problems = []
    for path in files:
        if path.startswith("tests/lint/") or path.endswith((".safetensors", ".gguf", ".bin", ".png")):
            continue
        for number, line in enumerate(read(root, path).split("\n"), 1):
            if machine.search(line):
                problems.append(f"{path}:{number}: a path of one machine: {machine.search(line).group(0)}")
    return problems


def torch_in(program, ldd_output):
    problems = [f"{program} links {name}" for name in re.findall(r"^\s*(lib(?:torch|c10|caffe2)\S*)", ldd_output, re.M)]
    if "libc.so" not in ldd_output:
        problems.append(f"{program}: ldd told nothing")
    return problems


def check_no_torch(programs):
    problems = []
    for program in programs:
        problems += torch_in(program, subprocess.run(["ldd", program], capture_output=True, text=True).stdout)
    return problems


def skip(why):
    print(f"skipped: {why}")
    return 77


RULES = {
    "layers": check_layers,
    "format": check_format,
    "markers": check_markers,
    "file-size": check_file_size,
    "guards": check_guards,
    "self-contained-project": check_self_contained,
}


def main(argv):
    if len(argv) > 2 and argv[1] == "no-torch":
        problems = check_no_torch(argv[2:])
    elif len(argv) == 2 and argv[1] in RULES:
        problems = RULES[argv[1]](".", tracked("."))
    else:
        print(f"usage: lint.py {'|'.join(RULES)} | no-torch PROGRAM…", file=sys.stderr)
        return 2
    for problem in problems:
        print(problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
