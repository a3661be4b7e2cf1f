#!/usr/bin/env python3
"""The lint rules find what they are for: each is shown one tree that breaks it and one that does not."""
import atexit
import os
import shutil
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import lint  # noqa: E402


def tree(files):
    root = tempfile.mkdtemp(prefix="sprint-lint-")
    atexit.register(shutil.rmtree, root, ignore_errors=True)
    for path, text in files.items():
        os.makedirs(os.path.join(root, os.path.dirname(path)), exist_ok=True)
        with open(os.path.join(root, path), "w", encoding="utf-8") as f:
            f.write(text)
    return root


class LayerRule(unittest.TestCase):
    def problems(self, path, include):
        return lint.check_layers(tree({path: f'#include "{include}"\n'}), [path])

    def test_finds_a_room_that_looks_upwards(self):
        for path, include in [("base/a.cc", "model/arm.h"), ("worker/main.cc", "storage/store.h"),
                              ("worker/shell.cc", "coordinator/core/core.h"), ("storage/a.cc", "eval/judge.h"),
                              ("cli/a.cc", "coordinator/core/core.h"), ("coordinator/core/a.cc", "conversation/codec.h"),
                              ("coordinator/core/a.cc", "coordinator/rpc/loop.h"), ("selector/a.cc", "worker/agent.h"),
                              ("worker/agent.cc", "worker/engine/engine.h")]:
            self.assertEqual(len(self.problems(path, include)), 1, (path, include))

    def test_allows_what_the_table_allows(self):
        for path, include in [("coordinator/core/a.cc", "storage/store.h"), ("coordinator/rpc/a.cc", "coordinator/core/core.h"),
                              ("coordinator/main.cc", "coordinator/rpc/server.h"), ("worker/main.cc", "worker/agent.h"),
                              ("worker/main.cc", "worker/engine/engine.h"), ("cli/a.cc", "sprint/v1/control.pb.h"),
                              ("coordinator/core/a.cc", "conversation/messages.h"), ("worker/engine/a.cc", "ATen/ATen.h"),
                              ("worker/agent_state.cc", "worker/agent.h"), ("worker/agent.cc", "worker/agent.h")]:
            self.assertEqual(self.problems(path, include), [], (path, include))

    def test_keeps_torch_out_of_headers_and_protos_out_of_the_core(self):
        self.assertTrue(self.problems("worker/engine/a.h", "ATen/ATen.h"))
        self.assertTrue(self.problems("worker/main.cc", "torch/torch.h"))
        self.assertTrue(self.problems("coordinator/core/a.cc", "sprint/v1/worker.pb.h"))
        self.assertTrue(self.problems("coordinator/core/a.cc", "base/clock.h"))


class OtherRules(unittest.TestCase):
    def test_finds_a_leftover_marker(self):
        root = tree({"base/a.cc": "// TODO: later\n", "base/b.cc": "int x;\n"})
        self.assertEqual(len(lint.check_markers(root, ["base/a.cc", "base/b.cc"])), 1)

    def test_finds_a_file_that_is_too_long(self):
        root = tree({"base/a.cc": "\n" * 501, "base/b.cc": "\n" * 500})
        self.assertEqual(len(lint.check_file_size(root, ["base/a.cc", "base/b.cc"])), 1)

    def test_finds_a_wrong_include_guard(self):
        good = "#ifndef SPRINT_BASE_A_H_\n#define SPRINT_BASE_A_H_\n#endif\n"
        root = tree({"base/a.h": good, "base/b.h": good})
        self.assertEqual(lint.check_guards(root, ["base/a.h"]), [])
        self.assertEqual(len(lint.check_guards(root, ["base/b.h"])), 1)

    def test_finds_a_path_of_one_machine(self):
        root = tree({"docs/a.md": "see /home/someone/x\n", "docs/b.md": "see docs/x\n"})
        self.assertEqual(len(lint.check_self_contained(root, ["docs/a.md", "docs/b.md"])), 1)

    def test_finds_a_program_that_links_torch(self):
        libc = "\tlibc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x1)\n"
        torch = "\tlibtorch_cpu.so.1.13 => /lib/libtorch_cpu.so.1.13 (0x1)\n\tlibc10.so.1.13 => /lib/libc10.so.1.13 (0x1)\n"
        self.assertEqual(len(lint.torch_in("p", torch + libc)), 2)
        self.assertEqual(lint.torch_in("p", libc), [])
        self.assertEqual(len(lint.torch_in("p", "")), 1)
        self.assertEqual(lint.check_no_torch(["/bin/sh"]), [])


if __name__ == "__main__":
    unittest.main()
