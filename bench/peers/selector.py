"""The selector in PyTorch: `selector.py FEATURES RIGHT QUESTIONS EPOCHS THREADS`, on the benchmark's own data.

The same model, loss, optimiser and batches as selector/trainer.h's defaults: an MLP of 128 units with dropout
0.5 to 64 dimensions, a vector an arm, the softmax over arms against the right ones, AdamW."""
import resource
import sys
import time

import numpy
import torch

features_path, right_path = sys.argv[1:3]
questions, epochs, threads = map(int, sys.argv[3:6])
torch.set_num_threads(threads)
torch.manual_seed(1)


def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


empty = peak()
arms = 784
x = torch.from_numpy(numpy.fromfile(features_path, dtype=numpy.float32).reshape(-1, 384)[:questions].copy())
right = torch.from_numpy(numpy.fromfile(right_path, dtype=numpy.int8).reshape(-1, arms)[:questions].copy())
x = (x - x.mean(0)) / x.std(0, unbiased=False)
target = right.float()
target = target / target.sum(1, keepdim=True)
tower = torch.nn.Sequential(torch.nn.Linear(384, 128), torch.nn.ReLU(), torch.nn.Dropout(0.5),
                            torch.nn.Linear(128, 64))
arm = torch.nn.Parameter(torch.randn(arms, 64) * 0.1 / 8)
optimizer = torch.optim.AdamW([*tower.parameters(), arm], lr=1e-3, weight_decay=0.01)

seconds = []
for epoch in range(epochs):
    start = time.perf_counter()
    total = 0.0
    for rows in torch.randperm(questions).split(64):
        scores = tower(x[rows]) @ arm.T
        loss = -(torch.log_softmax(scores, 1) * target[rows]).sum(1).mean()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        total += loss.item() * len(rows)
    seconds.append(time.perf_counter() - start)
memory = peak() - empty

tower.eval()
latencies = []
with torch.inference_mode():
    for i in range(2000):
        start = time.perf_counter()
        chosen = torch.topk(tower(x[i % 100]) @ arm.T, 8).indices.tolist()
        latencies.append(time.perf_counter() - start)
print("epoch_seconds", sorted(seconds[1:])[(len(seconds) - 1) // 2])
print("loss", total / questions)
print("latency_seconds", sorted(latencies)[len(latencies) // 2])
print("peak_bytes", memory)
