"""Which tests should notice a fault in a file, likely killers first."""

from __future__ import annotations

import re
from fnmatch import fnmatch
from pathlib import Path

Rank = tuple[float, ...]
#: Losses of every kind: of numbers, classes and labels, with weights, with shares, of two and of three tensors.
SOME = tuple(
    f"test_every_loss::[{loss}-"
    for loss in (
        "CrossEntropyLoss",
        "HuberLoss",
        "BCEWithLogitsLoss",
        "KLDivLoss",
        "TripletMarginLoss",
        "GaussianNLLLoss",
    )
)
#: The tests of each loss by itself; many have none.
EACH = ("where_torch_is_wrong/test_{each}", "where_torch_is_wrong/test_ctc", "test_{each}")
#: The first pattern that fits counts. An entry is a test file, with ``::`` and a part of the test's name where only some belong;
#: ``{loss}`` is the class in the file, ``{each}`` any file of a loss. First come ``tests/test_<file>.py`` and
#: ``tests/test_<folder>.py``, and those of these names in ``tests/where_torch_is_wrong/``, unless they have a place in the list.
BELONGS: tuple[tuple[str, tuple[str, ...]], ...] = (
    (
        "src/losskit/losses/linear_cross_entropy/*",
        ("test_linear_cross_entropy", "test_chunks", "test_drop_in::linear", "test_mends"),
    ),
    ("src/losskit/losses/ctc/*", ("test_ctc", "where_torch_is_wrong/test_ctc", "test_drop_in::CTC", "test_mends")),
    (
        "src/losskit/losses/*",
        (
            "test_every_loss::{loss}-",
            "test_domain",
            "test_kernels::{loss}",
            *EACH,
            "test_generated",
            "test_accelerate",
        ),
    ),
    *(
        (f"src/losskit/compare/{file}.py", ("test_compare_data", "test_compare", "test_compare_rules", "test_cli"))
        for file in ("data", "reading", "columns", "prepare")
    ),
    ("src/losskit/compare/contender.py", ("test_contender", "test_compare_rules", "test_cli")),
    ("src/losskit/compare/search.py", ("test_compare_search", "test_compare_rules", "test_compare")),
    ("src/losskit/compare/cost.py", ("test_compare_cost", "test_cli")),
    ("src/losskit/compare/picture.py", ("test_compare_picture", "test_compare_report")),
    ("src/losskit/compare/baselines.py", ("test_compare_baselines", "test_compare_rules")),
    ("src/losskit/compare/command.py", ("test_cli", "test_compare_report", "test_compare")),
    (
        "src/losskit/compare/*",
        ("test_compare_report", "test_compare_rules", "test_verdict", "test_compare_data", "test_compare", "test_cli"),
    ),
    ("src/losskit/terminal.py", ("test_terminal", "test_guide", "test_guide_pages", "test_compare_report")),
    ("src/losskit/names.py", ("test_names", "test_guide", "test_cli")),
    ("src/losskit/guide/*", ("test_guide_pages", "test_guide", "test_cli")),
    ("src/losskit/optimizers.py", ("test_catalog", "test_compare_rules", "test_guide_pages", "test_compare")),
    ("src/losskit/script.py", ("test_guide_pages", "test_compare_report", "test_examples::template", "test_guide")),
    ("src/losskit/cli.py", ("test_cli", "test_guide", "test_compare")),
    ("src/losskit/checker/gathers.py", ("test_check_gathers",)),
    ("src/losskit/checker/attention.py", ("test_check_padding", "test_check_rules::padding")),
    ("src/losskit/checker/training.py", ("test_check", "test_check_script", "test_check_faults", "test_check_rules")),
    (
        "src/losskit/checker/*",
        (
            "test_check",
            "test_check_padding",
            "test_check_gathers",
            "test_check_rules",
            "test_check_chinese",
            "test_check_script",
            "test_check_faults",
            "test_check_corpus",
        ),
    ),
    ("src/losskit/pytest_plugin/*", ("test_check_pytest", "test_check_chinese")),
    ("src/losskit/native/contrast.py", ("test_nt_xent", "test_every_loss::NTXentLoss-", "test_kernels::NTXentLoss")),
    ("src/losskit/native/in_place.py", ("test_in_place", "test_chunks", "test_kernels::overwritten")),
    ("src/losskit/keras/*", ()),
    ("src/losskit/information.py", ()),
    ("src/losskit/training/value_and_grad.py", ("test_every_loss::value_and_grad", "test_kernels")),
    ("src/losskit/training/*", ()),
    (
        "src/losskit/choice.py",
        ("test_choice", "test_kernels", *SOME, *EACH, "test_accelerate"),
    ),
    (
        "src/losskit/native/*",
        ("test_autograd", "test_kernels", *SOME, "test_accelerate", *EACH, "test_ctc", "test_every_loss"),
    ),
    (
        "src/*",
        (
            "test_domain",
            "test_loss",
            "test_mends",
            "test_drop_in",
            *SOME,
            "test_ctc",
            "test_linear_cross_entropy",
            "test_every_loss",
            *EACH,
            "test_kernels",
            "test_accelerate",
            "test_global_count",
            "test_adaptive_log_softmax",
            "test_guide",
            "test_readme",
            "test_the_tests",
        ),
    ),
    ("kernels/vmath.h", ("test_vmath", "test_kernels", *SOME)),
    *(
        (f"kernels/{file}", ("test_ctc",))
        for file in ("sequence.cpp", "frames.h", "samples.h", "states.h", "wide_range.h")
    ),
    ("kernels/abi.cpp", ("test_kernels", "test_choice")),
    ("kernels/*", ("test_kernels", *SOME, "test_accelerate", *EACH, "test_every_loss")),
)
#: Compilers and processes take long to say what plain calls mostly say first.
SLOW = ("compile", "machine_code", "fuzz", "ranks")


def belonging(root: Path, file: str) -> list[str]:
    """Test files (in which ``::`` selects), best first; a file's own doctests, where it has some, come first of all."""
    path = root / file
    entries = next(tests for pattern, tests in BELONGS if fnmatch(file, pattern))
    classes = re.findall(r"^class (\w+)\(Loss", path.read_text(), re.MULTILINE) or [""]
    chosen = [file] if path.suffix == ".py" and ">>>" in path.read_text() else []
    own = [f"{folder}test_{name}" for name in (path.stem, path.parent.name) for folder in ("", "where_torch_is_wrong/")]
    entries = (*(each for each in own if each not in entries), *entries)
    stems = sorted(each.stem for each in (root / "src/losskit/losses").glob("*.py"))
    for entry in dict.fromkeys(e.format(loss=loss, each=stem) for e in entries for loss in classes for stem in stems):
        test, _, part = entry.partition("::")
        test = f"tests/{test}.py"
        if (root / test).exists() and (test, "") not in [each.partition("::")[::2] for each in chosen]:
            chosen.append(f"{test}::{part}" if part else test)
    return chosen


def rank(chosen: list[str], times: dict[str, float], test: str) -> Rank | None:
    """A test's place in the order: slow ones last, then as listed, then the quickest; None where it does not belong."""
    for n, entry in enumerate(chosen):
        file, _, part = entry.partition("::")
        if test.startswith(f"{file}::") and part in test:
            seconds = times.get(test, 0.0)
            return (seconds > 10 or any(word in test.lower() for word in SLOW), n, seconds)
    return None
