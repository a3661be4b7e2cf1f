#!/usr/bin/env python3
"""Makes the tiny models of this folder and what transformers computes with them.

Needs torch, transformers and safetensors (made with torch 2.13, transformers 5.24). Each folder
holds config.json, model.safetensors (random weights, scaled so that every head matters), the
baseline's and the arms' logits for two prompts, the baseline's hidden states, and greedy texts.
An arm zeroes heads' columns in o_proj's input, at every position.

    python3 tests/data/parity/make.py
"""
import json
import pathlib

import torch
from safetensors.torch import save_file
from transformers import LlamaConfig, LlamaForCausalLM, MistralConfig, MistralForCausalLM, Qwen3Config, Qwen3ForCausalLM

HERE = pathlib.Path(__file__).parent
COMMON = dict(vocab_size=160, hidden_size=48, intermediate_size=96, num_hidden_layers=3, max_position_embeddings=256,
              bos_token_id=1, eos_token_id=2, attn_implementation="eager")
MODELS = {
    # Grouped heads, an untied head, the scaled RoPE of Llama 3.1 with a context short enough to scale.
    "llama-tiny": (LlamaForCausalLM, LlamaConfig(
        num_attention_heads=6, num_key_value_heads=3, head_dim=8, rms_norm_eps=1e-5, tie_word_embeddings=False,
        rope_parameters=dict(rope_type="llama3", rope_theta=10000.0, factor=8.0, low_freq_factor=1.0,
                             high_freq_factor=4.0, original_max_position_embeddings=64), **COMMON)),
    # Norms of q and k, tied embeddings, and a head_dim that hidden_size does not give.
    "qwen3-tiny": (Qwen3ForCausalLM, Qwen3Config(
        num_attention_heads=4, num_key_value_heads=2, head_dim=20, rms_norm_eps=1e-6, tie_word_embeddings=True,
        rope_parameters=dict(rope_type="default", rope_theta=1000000.0), **COMMON)),
    # A sliding window shorter than the prompts.
    "mistral-tiny": (MistralForCausalLM, MistralConfig(
        num_attention_heads=4, num_key_value_heads=1, head_dim=12, rms_norm_eps=1e-6, tie_word_embeddings=False,
        sliding_window=9, rope_parameters=dict(rope_type="default", rope_theta=10000.0), **COMMON)),
}
TOKENS = 24
GREEDY = 24


def randomise(model, seed):
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            if "norm" in name:
                parameter.copy_(1.0 + 0.2 * noise)
            elif "embed" in name or "lm_head" in name:
                parameter.copy_((0.6 if "lm_head" in name else 0.2) * noise)
            else:
                parameter.copy_(1.6 * noise / parameter.shape[1] ** 0.5)


def pruned(model, arm):
    """Hooks that zero the arm's heads; remove each when done."""
    dim = model.config.head_dim
    hooks = []
    for layer, heads in arm:
        def zero(module, args, heads=heads):
            x = args[0].clone()
            for head in heads:
                x[..., head * dim:(head + 1) * dim] = 0
            return (x,)
        hooks.append(model.model.layers[layer].self_attn.o_proj.register_forward_pre_hook(zero))
    return hooks


def greedy(model, prompt):
    """One token at a time over the whole text, so that no cache enters the reference."""
    ids = list(prompt)
    for _ in range(GREEDY):
        ids.append(int(model(torch.tensor([ids])).logits[0, -1].argmax()))
    return ids[len(prompt):]


@torch.no_grad()
def main():
    torch.manual_seed(0)
    for index, (name, (kind, config)) in enumerate(MODELS.items()):
        model = kind(config).eval()
        randomise(model, seed=100 + index)
        folder = HERE / name
        folder.mkdir(exist_ok=True)
        model.save_pretrained(folder)
        (folder / "generation_config.json").unlink(missing_ok=True)
        generator = torch.Generator().manual_seed(7 + index)
        inputs = torch.randint(3, config.vocab_size, (2, TOKENS), generator=generator)
        prompt = torch.randint(3, config.vocab_size, (14,), generator=generator).tolist()
        heads = config.num_attention_heads
        arms = {f"L{layer}H{head}": [(layer, [head])] for layer in range(3) for head in (0, 1, heads - 1)}
        arms["L1H0_3"] = [(1, [0, 3])]
        arms["L0H1+L2H2"] = [(0, [1]), (2, [2])]
        cases = {"input_ids": inputs}
        out = model(inputs, output_hidden_states=True)
        cases["logits.baseline"] = out.logits
        for i, hidden in enumerate(out.hidden_states):
            cases[f"hidden.{i}"] = hidden
        texts = {"baseline": greedy(model, prompt)}
        for arm, edits in arms.items():
            hooks = pruned(model, edits)
            cases[f"logits.{arm}"] = model(inputs).logits
            texts[arm] = greedy(model, prompt)
            for hook in hooks:
                hook.remove()
        save_file({key: value.contiguous().clone() for key, value in cases.items()}, folder / "cases.safetensors")
        (folder / "greedy.json").write_text(json.dumps({"prompt": prompt, "greedy": texts}) + "\n")
        print(name, {arm: len(set(ids)) for arm, ids in texts.items()})


main()
