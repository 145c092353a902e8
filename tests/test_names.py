"""Which names a mistyped or abbreviated one may mean."""

from __future__ import annotations

import pytest

from losskit.names import close, meant, plain

LOSSES = (
    "CrossEntropyLoss",
    "LinearCrossEntropyLoss",
    "BCELoss",
    "BCEWithLogitsLoss",
    "KLDivLoss",
    "NLLLoss",
    "GaussianNLLLoss",
    "HuberLoss",
    "L1Loss",
    "SmoothL1Loss",
    "SparseCategoricalCrossentropy",
)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("ce", ["CrossEntropyLoss", "LinearCrossEntropyLoss", "BCELoss"]),  # by their initials
        ("LCE", ["LinearCrossEntropyLoss"]),
        ("bce", ["BCELoss", "BCEWithLogitsLoss"]),
        ("nll", ["NLLLoss", "GaussianNLLLoss"]),
        ("KL", ["KLDivLoss"]),
        ("Cross", ["CrossEntropyLoss", "LinearCrossEntropyLoss", "SparseCategoricalCrossentropy"]),
        ("logits", ["BCEWithLogitsLoss"]),
        ("l1-loss", ["L1Loss", "SmoothL1Loss"]),
        ("hubber", ["HuberLoss"]),
        ("crosss", ["CrossEntropyLoss"]),  # by its beginning
        ("sparse_categorical", ["SparseCategoricalCrossentropy"]),
        ("my_cross_entropy", ["CrossEntropyLoss", "LinearCrossEntropyLoss"]),
        ("zzz", []),
        ("", []),
        ("_", []),
    ],
)
def test_close_names(name: str, expected: list[str]) -> None:
    assert close(name, LOSSES)[: len(expected)] == expected
    assert bool(close(name, LOSSES)) == bool(expected)


def test_names_of_other_kinds() -> None:
    assert close("BC", ["iris", "breast_cancer"]) == ["breast_cancer"]
    assert close("名", ["名字", "x"]) == ["名字"]
    assert close("Sale Price", ["sale_price", "sales"], 1) == ["sale_price"]
    assert close("--sed", ["--seed", "-h"]) == ["--seed"]


def test_what_is_said() -> None:
    assert meant("irsi", ["iris", "wine"]) == "; did you mean 'iris'?"
    assert meant("multi", ["multiclass", "binary", "multilabel"]) == "; did you mean 'multiclass' or 'multilabel'?"
    assert meant("zzz", ["iris"]) == ""


def test_a_plain_name() -> None:
    assert [plain(each) for each in ("Huber_Loss", "loss", "a loss b", "L1-loss")] == ["huber", "loss", "alossb", "l1"]
