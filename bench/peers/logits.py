"""Logits of whole prompts by transformers, in f32 and in bf16.

    logits.py TASK.json     writes OUT.f32 and OUT.bf16: f32 values, [tokens of all prompts, vocab]

TASK: model (folder or GGUF file), threads, prompts (token ids), out.
"""

import json
import sys

import torch

from models import load


def main():
    with open(sys.argv[1]) as file:
        task = json.load(file)
    torch.set_num_threads(task["threads"])
    for name, dtype in (("f32", torch.float32), ("bf16", torch.bfloat16)):
        model = load(task["model"], dtype)
        with torch.inference_mode(), open(task["out"] + "." + name, "wb") as out:
            for prompt in task["prompts"]:
                out.write(model(torch.tensor([prompt])).logits[0].float().numpy().tobytes())


main()
