"""A causal language model of texts of different lengths, trained by the Hugging Face Trainer."""

from tempfile import TemporaryDirectory

import torch
import torch.nn.functional as F
from transformers import GPT2Config, GPT2LMHeadModel, Trainer, TrainingArguments


class ByHand(Trainer):
    def compute_loss(self, model, inputs, return_outputs=False, num_items_in_batch=None):
        labels = inputs.pop("labels")
        outputs = model(**inputs)
        logits, following = outputs.logits[:, :-1], labels[:, 1:]
        loss = F.cross_entropy(logits.flatten(0, 1), following.flatten())
        return (loss, outputs) if return_outputs else loss


torch.manual_seed(0)
config = GPT2Config(vocab_size=50, n_positions=12, n_embd=16, n_layer=1, n_head=2, bos_token_id=0, eos_token_id=0)
tokens = torch.randint(1, 50, (64, 12))
kept = torch.arange(12) < torch.randint(6, 13, (64, 1))
tokens = tokens.where(kept, 0)
labels = tokens.where(kept, -100)
rows = [{"input_ids": t, "attention_mask": k, "labels": y} for t, k, y in zip(tokens, kept.long(), labels)]
with TemporaryDirectory() as folder:
    arguments = TrainingArguments(
        folder, max_steps=12, use_cpu=True, report_to=[], save_strategy="no", logging_strategy="no", disable_tqdm=True
    )
    ByHand(GPT2LMHeadModel(config), arguments, train_dataset=rows).train()
