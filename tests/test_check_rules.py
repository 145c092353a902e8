"""Each rule, on the Bad and the Good of its documentation: Bad shows its code and no other error, Good shows nothing."""

from __future__ import annotations

import json
import re
import warnings
from dataclasses import replace
from typing import Any

import pytest
import torch
from checked import needs_saved_tensors

import losskit
from losskit.checker.catalog import RULES, SECTIONS, page, section
from losskit.checker.finding import Says, Severity
from losskit.checker.report import Report
from losskit.checker.rule import Rule

PRELUDE = "import losskit\nimport torch\nfrom torch import nn\nimport torch.nn.functional as F\ntorch.manual_seed(0)\n"


NAN = ("LK205", "LK211", "LK214", "LK401")  # which tell of a NaN


def watched(code: str) -> Report:
    """What is found in a piece of code; it may raise, as torch does at some misuses."""
    with warnings.catch_warnings(), losskit.watch() as watching:
        warnings.simplefilter("ignore")  # torch warns of some of them
        known: dict[str, Any] = {}
        try:
            exec(compile(PRELUDE + code, "<rule>", "exec"), known)
        except (RuntimeError, ValueError, IndexError):
            assert watching.report().findings
    return known.get("report") or watching.report()


def in_chinese(report: Report) -> str:
    """All that it tells."""
    shown = json.loads(replace(report, language="zh").as_json())
    told = [each[part] for each in shown["findings"] for part in Says._fields]
    return "\n".join([shown["checked"], *shown["not_checked"], *told])


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_bad_is_found_and_good_is_not(rule: Rule) -> None:
    needs_saved_tensors(rule.code)
    report = watched(section(rule, "Bad:"))
    assert [finding.code for finding in report.findings] == [rule.code], report
    assert "that failed" not in report.coverage
    finding = report.findings[0]
    for text in (finding.what, finding.evidence, finding.harm, finding.mend):
        assert text
        assert not re.search(r"[{}]|\bnan\b", text) or rule.code in NAN, text
    assert not re.findall("[a-z]{2,} [a-z]{2,}", in_chinese(report))
    good = watched(section(rule, "Good:"))
    assert not [each for each in good.findings if each.severity is not Severity.NOTE], good
    assert "1 of 1 call" in good.checked or "calls" in good.checked
    assert "which failed" not in report.coverage + good.coverage


def test_codes_and_names_are_unique_and_documented() -> None:
    assert len({rule.code for rule in RULES}) == len({rule.name for rule in RULES}) == len(RULES)
    for rule in RULES:
        assert re.fullmatch(r"LK[1-4]\d\d", rule.code)
        assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", rule.name)
        assert all(section(rule, title) for title in SECTIONS)
        assert page(rule).startswith(f"{rule.code} {rule.name}: ")


def test_a_rule_that_fails_is_named_and_the_program_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(call: object) -> None:
        raise ZeroDivisionError("ours")

    monkeypatch.setattr(RULES[0], "inspect", fail)
    report = losskit.check(torch.nn.MSELoss(), torch.randn(3, requires_grad=True), torch.randn(3))
    assert not report.findings
    assert f"not checked: {RULES[0].code}, which failed with ZeroDivisionError: ours" in report.coverage


@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("how", ["bool", "lowest", "sum", "fill"])
def test_padding_does_not_hide_which_attention_is_causal(how: str, side: str, causal: bool) -> None:
    """LK215 reads masks of True and False, of the lowest number, of sums of two of them, and the weights themselves."""
    needs_saved_tensors("LK215")
    length = torch.tensor([7, 12, 1, 9])
    place = torch.arange(12) if side == "right" else torch.arange(12).flip(0)
    real = (place < length.unsqueeze(1)).unsqueeze(1)
    past = torch.ones(12, 12).tril().bool() if causal else torch.ones(12, 12).bool()
    lowest = torch.finfo().min
    tokens = torch.randint(1, 31, (4, 12)).where(real.squeeze(1), 0)
    x = torch.nn.Embedding(31, 16)(tokens)
    if how == "fill":
        x = (x @ x.mT).masked_fill(~(past & real), -1e9).softmax(-1) @ x
    else:
        seen: torch.Tensor = past & real
        seen = seen | ~seen.any(-1, keepdim=True)
        if how == "lowest":
            seen = torch.zeros(seen.shape).masked_fill(~seen, lowest)
        if how == "sum":
            seen = torch.zeros(12, 12).masked_fill(~past, lowest) + torch.zeros(real.shape).masked_fill(~real, lowest)
        x = torch.nn.functional.scaled_dot_product_attention(x, x, x, seen)
    logits = torch.nn.Linear(16, 31)(x)
    report = losskit.check(torch.nn.CrossEntropyLoss(ignore_index=0), logits.reshape(-1, 31), tokens.reshape(-1))
    assert ("LK215" in {finding.code for finding in report.findings}) == causal


def test_a_decoder_may_be_taught_what_the_encoder_reads() -> None:
    needs_saved_tensors("LK215")
    criterion, head = torch.nn.CrossEntropyLoss(), torch.nn.Linear(16, 31)
    tokens, embed = torch.randint(1, 31, (4, 12)), torch.nn.Embedding(31, 16)
    for given, wrong in ((torch.nn.functional.pad(tokens, (1, -1)), False), (tokens, True)):
        x = embed(given) + embed(tokens).mean(1, keepdim=True)
        x = torch.nn.functional.scaled_dot_product_attention(x, x, x, is_causal=True)
        report = losskit.check(criterion, head(x).reshape(-1, 31), tokens.reshape(-1))
        assert ("LK215" in {finding.code for finding in report.findings}) == wrong
