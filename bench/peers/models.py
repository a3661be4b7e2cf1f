"""Models as transformers loads them, for the other scripts here."""

import os

from transformers import AutoModelForCausalLM


def load(path, dtype):
    """A model folder or a GGUF file, in `dtype`, ready to evaluate."""
    if path.endswith(".gguf"):
        model = AutoModelForCausalLM.from_pretrained(
            os.path.dirname(path), gguf_file=os.path.basename(path), dtype=dtype)
    else:
        model = AutoModelForCausalLM.from_pretrained(path, dtype=dtype)
    return model.to(dtype).eval()
