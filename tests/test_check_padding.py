"""Padding that a language model's loss counts, where no padding_idx names it: found in what attention hides, noted at ends of rows."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from checked import needs_saved_tensors
from torch import Tensor, nn

import losskit
from losskit.checker.finding import Finding, Severity

WORDS, END = 31, 30
LENGTH = torch.tensor([7, 12, 3, 9])


def filled(token: int, side: str = "right") -> tuple[Tensor, Tensor]:
    """Tokens of four lengths, filled up with one, and where they are real."""
    torch.manual_seed(0)
    place = torch.arange(12) if side == "right" else torch.arange(12).flip(0)
    real = place < LENGTH.unsqueeze(1)
    return torch.randint(1, END, (4, 12)).where(real, token), real


def decoded(how: str, x: Tensor, real: Tensor) -> Tensor:
    """Causal self-attention, as networks write it."""
    seen = torch.ones(12, 12).tril().bool() & real.unsqueeze(1)
    if how == "bool":
        return F.scaled_dot_product_attention(x, x, x, seen | ~seen.any(-1, keepdim=True))
    if how == "lowest":
        x = x.unflatten(2, (2, 8)).transpose(1, 2)
        lowest = torch.zeros(4, 1, 12, 12).masked_fill(~seen.unsqueeze(1), torch.finfo().min)
        return F.scaled_dot_product_attention(x, x, x, lowest).transpose(1, 2).flatten(2)
    if how == "softmax":
        return torch.softmax(x @ x.mT - 1e4 * ~seen, -1) @ x
    layer = nn.MultiheadAttention(16, 2, batch_first=True)
    mask = torch.full((12, 12), -1e9).triu(1)
    hidden = torch.zeros(real.shape).masked_fill(~real, -1e9)
    return layer(x, x, x, key_padding_mask=hidden, attn_mask=mask)[0]  # type: ignore[no-any-return]


def found(logits: Tensor, target: Tensor, criterion: nn.Module | None = None) -> list[Finding]:
    report = losskit.check(criterion or nn.CrossEntropyLoss(), logits.reshape(-1, WORDS), target.reshape(-1))
    assert "which failed" not in report.coverage, report
    return [each for each in report.findings if each.code == "LK216"]


@pytest.mark.parametrize("how", ["bool", "lowest", "softmax", "module"])
@pytest.mark.parametrize("side", ["left", "right"])
def test_what_attention_hides_is_padding(how: str, side: str) -> None:
    """As in GPT-2, whose tokenizer fills up with the token that ends a text."""
    needs_saved_tensors("LK216", "attention")
    tokens, real = filled(END, side)
    logits = nn.Linear(16, WORDS)(decoded(how, nn.Embedding(WORDS, 16)(tokens), real))[:, :-1]
    target = tokens[:, 1:].clone()
    (finding,) = found(logits, target)
    assert (finding.severity, finding.values["padding"].values) == (Severity.WARNING, {"token": END})
    assert f"the token at all {int((~real).sum())} places that attention hides" in finding.evidence
    padding = target == END
    assert finding.values["easy"] == pytest.approx(float(F.cross_entropy(logits[padding], target[padding]).detach()))
    assert finding.values["rest"] == pytest.approx(float(F.cross_entropy(logits[~padding], target[~padding]).detach()))
    assert found(logits, target, nn.CrossEntropyLoss(reduction="sum"))[0].harm == finding.harm
    assert not found(logits, target.where(real[:, 1:], -100))


def translated(tokens: Tensor, real: Tensor, labels: Tensor, other: bool = False) -> Tensor:
    """The logits of an encoder and a decoder with one vocabulary, as in T5, or with two."""
    embed = nn.Embedding(WORDS, 16)
    x, y = embed(tokens), (nn.Embedding(WORDS, 16) if other else embed)(F.pad(labels, (1, -1)))
    x = F.scaled_dot_product_attention(x, x, x, real.unsqueeze(1))
    y = F.scaled_dot_product_attention(y, y, y, is_causal=True)
    return nn.Linear(16, WORDS)(F.scaled_dot_product_attention(y, x, x, real.unsqueeze(1)))  # type: ignore[no-any-return]


def test_the_encoder_tells_what_padding_is() -> None:
    needs_saved_tensors("LK216", "attention")
    tokens, real = filled(0)
    labels = torch.randint(1, WORDS, (4, 7))
    labels[2:, 5:] = 0
    (finding,) = found(translated(tokens, real, labels), labels)
    assert finding.severity is Severity.WARNING
    assert not found(translated(tokens, real, labels), labels.masked_fill(labels == 0, -100))
    assert not found(translated(tokens, real, labels, other=True), labels), "another vocabulary may use 0 for a word"


def test_ends_of_rows_are_noted_where_nothing_is_hidden() -> None:
    needs_saved_tensors("LK216", "attention")
    tokens, real = filled(0)

    def seen(tokens: Tensor, target: Tensor, **options: Any) -> list[Finding]:
        x = nn.Embedding(WORDS, 16)(tokens)
        logits = nn.Linear(16, WORDS)(F.scaled_dot_product_attention(x, x, x, is_causal=True))
        return found(logits[:, : target.shape[1]], target, nn.CrossEntropyLoss(**options))

    (finding,) = seen(tokens, tokens[:, 1:])
    assert finding.severity is Severity.NOTE
    assert "end in 0 to 9 times 0" in finding.evidence
    shifted = F.pad(tokens[:, 1:], (0, 1), value=-100)
    assert seen(tokens, shifted)[0].evidence == finding.evidence
    assert not seen(tokens, tokens[:, 1:].masked_fill(~real[:, 1:], -100))
    assert not seen(tokens, tokens[:, 1:], reduction="none")
    assert not seen(tokens, tokens[:, 1:].where(torch.arange(11) > 0, 0)), "a background stands elsewhere, too"
    assert not seen(tokens, torch.cat([tokens[:, 1:8], torch.zeros(4, 4).long()], 1).where(torch.arange(11) > 6, 1)), (
        "one length"
    )


def test_a_vocabulary_so_large_that_few_rows_are_looked_at() -> None:
    """All of a batch tells what is ignored, what is padding, and what is not shifted: not its first sequence."""
    needs_saved_tensors("LK215")
    words = 1 << 18
    tokens = torch.arange(64).reshape(2, 32)
    tokens[1, 8:] = 0
    x, real = nn.Embedding(words, 1)(tokens), (tokens != 0).unsqueeze(1)
    real[0] = True
    x = F.scaled_dot_product_attention(x, x, x, real & torch.ones(32, 32).tril().bool())
    codes = {
        each.code
        for each in losskit.check(
            nn.CrossEntropyLoss(), nn.Linear(1, words)(x)[:, :-1].flatten(0, 1), tokens[:, 1:].flatten()
        ).findings
    }
    assert "LK216" in codes
    target = tokens.masked_fill(tokens == 0, -100)
    logits = nn.Linear(1, words)(x).flatten(0, 1)
    assert "LK215" in {each.code for each in losskit.check(nn.CrossEntropyLoss(), logits, target.flatten()).findings}
    target[0] = -100
    assert not losskit.check(nn.CrossEntropyLoss(), logits.detach(), target.flatten()).findings
