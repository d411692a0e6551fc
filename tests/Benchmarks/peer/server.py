"""Hugging Face transformers behind a pipe: one JSON command a line in, one JSON answer a line out.

Started by the benchmark, which loads the same weights and alternates rounds with it. Clocks run here, around the work only.
"""

import json
import sys
import time

import torch
import transformers

models, trainees = {}, {}


def version(threads):
    torch.set_num_threads(threads)
    return {"torch": torch.__version__, "transformers": transformers.__version__}


def matmul(tokens, inner, outer):
    """A linear layer's speed, 1e9 operations a second: the ceiling that the machine and the BLAS set."""
    x, w, b = torch.randn(tokens, inner), torch.randn(outer, inner), torch.randn(outer)
    best = float("inf")
    with torch.inference_mode():
        for _ in range(10):
            start = time.perf_counter()
            torch.nn.functional.linear(x, w, b)
            best = min(best, time.perf_counter() - start)
    return 2e-9 * tokens * inner * outer / best


def load(folder):
    return transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="sdpa")


def model_of(folder):
    if folder not in models:
        models[folder] = load(folder).eval()
    return models[folder]


def generate(folder, prompts, new_tokens, sample):
    """One batch of prompts, padded on the left where they differ; every row runs to the longest response, as generate does."""
    model = model_of(folder)
    longest = max(map(len, prompts))
    ids = torch.tensor([[0] * (longest - len(p)) + p for p in prompts])
    mask = torch.tensor([[0] * (longest - len(p)) + [1] * len(p) for p in prompts])
    options = dict(do_sample=True, temperature=1.0, top_k=0, top_p=1.0) if sample else dict(do_sample=False)
    config = transformers.GenerationConfig(max_new_tokens=new_tokens, use_cache=True, pad_token_id=0, eos_token_id=None, **options)
    start = time.perf_counter()
    with torch.inference_mode():
        out = model.generate(ids, attention_mask=mask, generation_config=config)
    seconds = time.perf_counter() - start
    assert out.shape[1] == longest + new_tokens, out.shape
    return {"seconds": seconds, "ids": out[:, longest:].tolist() if not sample else None}


def train(folder, rows, learning_rate, max_norm, steps):
    """Plain PyTorch steps, one after the other, on a model of its own; rows are padded on the right to the longest where they differ."""
    if folder not in trainees:
        model = load(folder).train()
        try:
            optimizer = torch.optim.AdamW(model.parameters(), lr=learning_rate, weight_decay=0.0, fused=True)
        except RuntimeError:
            optimizer = torch.optim.AdamW(model.parameters(), lr=learning_rate, weight_decay=0.0)
        trainees[folder] = model, optimizer
    model, optimizer = trainees[folder]
    losses = []
    start = time.perf_counter()
    for _ in range(steps):
        longest = max(map(len, rows))
        inputs = torch.tensor([r[:-1] + [0] * (longest - len(r)) for r in rows])
        targets = torch.tensor([r[1:] + [-100] * (longest - len(r)) for r in rows])
        mask = None if min(map(len, rows)) == longest else (targets != -100).long()
        optimizer.zero_grad(set_to_none=True)
        logits = model(input_ids=inputs, attention_mask=mask, use_cache=False).logits
        loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten(), ignore_index=-100)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), max_norm)
        optimizer.step()
        losses.append(loss.item())
    return {"seconds": time.perf_counter() - start, "losses": losses}


torch.manual_seed(0)
for line in sys.stdin:
    command = json.loads(line)
    answer = globals()[command.pop("do")](**command)
    print(json.dumps(answer), flush=True)
