"""The other half of `pytorch`: the same encoder fine-tuned with Hugging Face Transformers on PyTorch.

    python torch_fine_tuning.py FOLDER CSV LENGTH

Runs in an environment that has torch and transformers, and nothing of ours. Goes twice through the texts in batches of
32, shuffled, each padded to its longest text (as transformers' DataCollatorWithPadding does), with the mean of the last
hidden states, one dense layer, AdamW and a clipped gradient, and prints the second epoch's milliseconds a step.
"""

import csv
import json
import sys
import time

import torch  # type: ignore[import-not-found]
import transformers  # type: ignore[import-not-found]

BATCH = 32


def main(folder: str, file: str, length: int) -> None:
    torch.manual_seed(1)
    torch.set_num_threads(2)
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    with open(file, encoding="utf-8", newline="") as rows:  # noqa: PTH123 - stands alone
        examples = [(row["text"], row["label"]) for row in csv.DictReader(rows)]
    labels = sorted({label for _, label in examples})
    encoded = [tokenizer(text, truncation=True, max_length=length) for text, _ in examples]
    targets = torch.tensor([labels.index(label) for _, label in examples])
    encoder = transformers.AutoModel.from_pretrained(folder)
    head = torch.nn.Linear(encoder.config.hidden_size, len(labels))
    weights = [*encoder.parameters(), *head.parameters()]
    optimizer = torch.optim.AdamW(weights, lr=1e-4, weight_decay=0.01)
    encoder.train()
    milliseconds = 0.0
    for _ in range(2):
        order = torch.randperm(len(examples)).tolist()
        began, steps = time.perf_counter(), 0
        for start in range(0, len(order) - BATCH + 1, BATCH):
            chosen = order[start : start + BATCH]
            batch = tokenizer.pad([encoded[place] for place in chosen], return_tensors="pt")
            states = encoder(**batch).last_hidden_state
            mask = batch["attention_mask"].unsqueeze(-1)
            pooled = (states * mask).sum(1) / mask.sum(1)
            loss = torch.nn.functional.cross_entropy(head(torch.dropout(pooled, 0.1, True)), targets[chosen])
            loss.backward()
            torch.nn.utils.clip_grad_norm_(weights, 1.0)
            optimizer.step()
            optimizer.zero_grad()
            steps += 1
        milliseconds = 1e3 * (time.perf_counter() - began) / steps
    print(json.dumps({"milliseconds": milliseconds}))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
