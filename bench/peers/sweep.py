"""The loop that users run today: transformers' generate, one arm at a time, a static batch of
left-padded prompts, and a forward hook that zeroes pruned heads before o_proj.

    sweep.py TASK.json     prints {"generations": …, "generated": …, "seconds": …}

TASK: model (folder or GGUF file), dtype, threads, device, batch, max_new_tokens, stop_tokens, prompts (token ids),
arms (lists of [layer, head]). Loading and one warm-up step are not timed.
"""

import json
import sys
import time

import torch

from models import load


def prune(model, arm):
    """Installs the hooks of an arm; returns them."""
    head_dim = getattr(model.config, "head_dim", None) or (
        model.config.hidden_size // model.config.num_attention_heads)
    hooks = []
    for layer, head in arm:
        def zero(module, inputs, first=head * head_dim):
            attended = inputs[0].clone()
            attended[..., first:first + head_dim] = 0
            return (attended,) + inputs[1:]

        o_proj = model.model.layers[layer].self_attn.o_proj
        hooks.append(o_proj.register_forward_pre_hook(zero))
    return hooks


def generate(model, prompts, task, new_tokens):
    width = max(map(len, prompts))
    pad = task["stop_tokens"][0] if task["stop_tokens"] else 0
    ids = torch.tensor([[pad] * (width - len(p)) + p for p in prompts], device=model.device)
    mask = torch.tensor([[0] * (width - len(p)) + [1] * len(p) for p in prompts], device=model.device)
    out = model.generate(
        ids, attention_mask=mask, max_new_tokens=new_tokens, do_sample=False, pad_token_id=pad,
        eos_token_id=task["stop_tokens"] or None, temperature=None, top_p=None, top_k=None)
    total = 0
    for row in out[:, width:].tolist():
        stops = [row.index(t) for t in task["stop_tokens"] if t in row]
        total += min(stops) + 1 if stops else len(row)
    return total


def main():
    with open(sys.argv[1]) as file:
        task = json.load(file)
    torch.set_num_threads(task["threads"])
    model = load(task["model"], {"f32": torch.float32, "bf16": torch.bfloat16}[task["dtype"]]).to(task["device"])
    generations = generated = 0
    with torch.inference_mode():
        generate(model, task["prompts"][:2], task, 2)
        start = time.monotonic()
        for arm in task["arms"]:
            hooks = prune(model, arm)
            for first in range(0, len(task["prompts"]), task["batch"]):
                batch = task["prompts"][first:first + task["batch"]]
                generated += generate(model, batch, task, task["max_new_tokens"])
                generations += len(batch)
            for hook in hooks:
                hook.remove()
        seconds = time.monotonic() - start
    print(json.dumps({"generations": generations, "generated": generated, "seconds": seconds}))


main()
