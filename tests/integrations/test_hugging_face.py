"""Hugging Face's Trainer: accumulation, padding and bfloat16, against torch's loss in the same place."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import snippets
import torch
import torch.nn.functional as F
from torch import Tensor
from transformers import (
    BertConfig,
    BertForMaskedLM,
    BertForSequenceClassification,
    GPT2Config,
    GPT2LMHeadModel,
    Trainer,
    TrainingArguments,
)

WORDS, TOKENS, TEXTS = 50, 12, 32
Rows = list[dict[str, Tensor]]


def causal() -> tuple[Any, Rows]:
    config = GPT2Config(
        vocab_size=WORDS, n_positions=TOKENS, n_embd=16, n_layer=1, n_head=2, bos_token_id=0, eos_token_id=0
    )
    return GPT2LMHeadModel(quiet(config)), texts(lambda ids, kept: torch.where(kept, ids, -100))


def masked() -> tuple[Any, Rows]:
    def every_third(ids: Tensor, kept: Tensor) -> Tensor:
        return torch.where(kept & (ids % 3 == 0), ids, -100)

    return BertForMaskedLM(bert()), texts(every_third)


def classes() -> tuple[Any, Rows]:
    return BertForSequenceClassification(bert(num_labels=3)), texts(lambda ids, kept: ids[0] % 3)


TASKS: dict[str, Callable[[], tuple[Any, Rows]]] = {"causal": causal, "masked": masked, "classes": classes}


def bert(**more: Any) -> Any:
    return quiet(
        BertConfig(
            vocab_size=WORDS,
            hidden_size=16,
            num_hidden_layers=1,
            num_attention_heads=2,
            intermediate_size=32,
            max_position_embeddings=TOKENS,
            **more,
        )
    )


def quiet(config: Any) -> Any:
    """Without dropout, so that two runs differ in the loss alone."""
    for name in vars(config):
        if name.endswith(("_pdrop", "dropout_prob")):
            setattr(config, name, 0.0)
    return config


def texts(label: Callable[[Tensor, Tensor], Tensor]) -> Rows:
    """Of very unequal length, padded."""
    drawn = []
    for row in range(TEXTS):
        ids, kept = torch.randint(WORDS, (TOKENS,)), torch.arange(TOKENS) < 3 + row * 7 % (TOKENS - 2)
        drawn.append({"input_ids": ids, "attention_mask": kept.long(), "labels": label(ids, kept)})
    return drawn


def arguments(folder: Path, rows: int = 2, accumulated: int = 4, bf16: bool = False) -> Any:
    return TrainingArguments(
        output_dir=str(folder),
        per_device_train_batch_size=rows,
        gradient_accumulation_steps=accumulated,
        bf16=bf16,
        use_cpu=True,
        num_train_epochs=1,
        optim="sgd",
        learning_rate=0.5,
        logging_steps=1,
        logging_strategy="steps",
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
    )


def by_torch(task: str, folder: Path, **how: Any) -> Any:
    """GPT-2's own loss; with a function where the model's does not know what is accumulated (BERT's heads)."""
    torch.manual_seed(0)
    model, data = TASKS[task]()
    own = None if task == "causal" else cross_entropy
    return Trainer(model, arguments(folder, **how), train_dataset=data, compute_loss_func=own)


def cross_entropy(outputs: Any, labels: Tensor, num_items_in_batch: Tensor) -> Tensor:
    logits = outputs.logits.flatten(0, -2)
    return F.cross_entropy(logits, labels.flatten(), reduction="sum") / num_items_in_batch


def by_losskit(task: str, folder: Path, **how: Any) -> Any:
    given: dict[str, Any] = {"arguments": arguments(folder, **how)}
    for name, make in TASKS.items():
        torch.manual_seed(0)
        given[f"{name}_model"], given[f"{name}_data"] = make()
    return snippets.run("Hugging Face Trainer", **given)[task]


def trained(trainer: Any) -> tuple[Tensor, Tensor]:
    """The loss of each step, and all parameters in the end."""
    trainer.train()
    losses = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
    return torch.tensor(losses), torch.nn.utils.parameters_to_vector(trainer.model.parameters()).detach()


@pytest.mark.parametrize("bf16", [False, True])
@pytest.mark.parametrize("task", TASKS)
def test_training_is_that_with_torch(task: str, bf16: bool, tmp_path: Path) -> None:
    ours, theirs = (trained(make(task, tmp_path, bf16=bf16)) for make in (by_losskit, by_torch))
    assert len(ours[0]) == TEXTS // (2 * 4)
    assert ours[0][0] != ours[0][-1]
    torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("task", TASKS)
def test_training_is_that_without_accumulation(task: str, tmp_path: Path) -> None:
    accumulated, whole = (trained(by_losskit(task, tmp_path, rows=rows, accumulated=8 // rows)) for rows in (2, 8))
    torch.testing.assert_close(accumulated, whole, rtol=1e-5, atol=1e-6)


def test_evaluation(tmp_path: Path) -> None:
    """Where the last batch is smaller."""
    answers = [make("masked", tmp_path).evaluate(masked()[1][:5])["eval_loss"] for make in (by_losskit, by_torch)]
    assert answers[0] == pytest.approx(answers[1], rel=1e-6)
