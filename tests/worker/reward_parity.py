#!/usr/bin/env python3
"""The expected numbers of reward_parity_test.cc, by transformers: one pass over a whole text, the score read at
every step token. Heads have weights that both sides compute exactly. `reward_parity.py MODEL`, MODEL the demo
model; it needs torch, transformers and tokenizers."""
import sys

import torch
from tokenizers import Tokenizer
from transformers import AutoModelForCausalLM

TEXT = ("Start with 85. Subtract 60. Multiply by 2. Add 63. What is the result?\nAnswer:"
        " 85 - 60 = 25<|end|> 25 * 2 = 51<|end|> 51 + 63 = 114 . \\boxed{ 114 }<|end|>")
STEP, GOOD, BAD = 0, 300, 17


def numbered(rows, columns, salt):
    i = torch.arange(rows * columns, dtype=torch.int64) + salt
    return (((i * 7919) % 1009 - 504).to(torch.float32) / 4096).reshape(rows, columns)


def main():
    model = AutoModelForCausalLM.from_pretrained(sys.argv[1], dtype=torch.float32)
    ids = Tokenizer.from_file(sys.argv[1] + "/tokenizer.json").encode(TEXT).ids
    at = [i for i, token in enumerate(ids) if token == STEP]
    with torch.no_grad():
        hidden = model.model(torch.tensor([ids])).last_hidden_state[0, at]
        width = hidden.shape[1]
        inner = torch.relu(hidden @ numbered(width, width, 1).T + numbered(1, width, 2)[0])
        heads = {
            "process": inner @ numbered(2, width, 3).T + numbered(1, 2, 4)[0],
            "reward": inner @ numbered(1, width, 3).T + numbered(1, 1, 4)[0],
            "token": hidden @ numbered(2, width, 5).T + numbered(1, 2, 6)[0],
            "language": model.lm_head(hidden)[:, [BAD, GOOD]],
        }
    print(f"// {len(ids)} tokens, steps end at {at}")
    for name, logits in heads.items():
        scores = logits[:, 0] if logits.shape[1] == 1 else logits.double().softmax(-1)[:, -1]
        print(name, [round(float(score), 7) for score in scores])


main()
