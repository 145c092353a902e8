"""``--lang zh``: each text of the losses' documentation has its Chinese, which says no less, and no English is left on a page."""

from __future__ import annotations

import inspect
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

import losskit
from losskit import checker, cli, terminal
from losskit.checker.chinese import in_file
from losskit.core.head import Situation, Task
from losskit.documentation import shapes
from losskit.guide import chinese
from losskit.guide.chinese import file_of, pairs
from losskit.guide.choose import OUTPUTS
from losskit.guide.show import ABBREVIATIONS, KERAS, SHAPE, explain, guide, listing
from losskit.guide.slopes import _of_margins, slopes
from losskit.loss import Loss
from losskit.terminal import WIDE

FOLDER = Path(str(chinese.__file__)).parent
LOSSES: list[type[object]] = [*losskit.CATALOG, losskit.AdaptiveLogSoftmaxWithLoss]
FILES = sorted(path.stem for path in FOLDER.glob("[a-z]*.py"))
TABLES = {file: pairs(file) for file in FILES} | {f"checker/{file}": in_file(file) for file in checker.chinese.FILES}


@pytest.fixture(autouse=True)
def _alike_everywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.set_num_threads(1)  # conftest puts the number back
    monkeypatch.setenv("COLUMNS", "100")


def name(loss: type[object]) -> str:
    return loss.__name__


def texts(loss: type[object]) -> Iterator[str]:
    """Every English text that the pages take from a loss: paragraphs, arguments, tensors, the reading of its gradient."""
    prose, *rest = re.split(r"\n\n?(\w+):\n", inspect.cleandoc(str(loss.__doc__)))
    for paragraph in textwrap.dedent(prose).strip().split("\n\n"):
        words = re.findall(r"\\text\{([^{}]* [^{}]*)\}", paragraph)
        yield from words if paragraph.startswith(".. math::") else [paragraph]
    if issubclass(loss, Loss):
        yield from (argument.doc for argument in loss.arguments.values())
        yield from shapes(loss.about).values()
        gradient = slopes(loss).splitlines()
        yield from (line.strip() for line in (*gradient[:1], *gradient[3:]))
    else:
        sections = dict(zip(rest[::2], rest[1::2], strict=True))
        for section in ("Args", "Shape"):
            yield from re.findall(r"(?m)^    \w+: (.*(?:\n {8}.*)*)", sections[section])
        yield sections["Returns"]


def english(loss: type[object]) -> set[str]:
    return {" ".join(text.split()) for text in texts(loss)}


@pytest.mark.parametrize("loss", LOSSES, ids=name)
def test_every_text_has_its_chinese(loss: type[object]) -> None:
    missing = english(loss) - set(pairs(file_of(loss))) - set(pairs("shared"))
    path = f"src/losskit/guide/chinese/{file_of(loss)}.py"
    assert not missing, f"add to TEXT of {path}, each with its Chinese as the next paragraph:\n\n" + "\n\n".join(
        sorted(missing)
    )


@pytest.mark.parametrize("file", FILES)
def test_no_translation_is_left_over(file: str) -> None:
    users = [loss for loss in LOSSES if file in (file_of(loss), "shared")]
    assert users, f"no loss has a file {file}: delete src/losskit/guide/chinese/{file}.py"
    used = set().union(*map(english, users))
    if file == "shared":
        used.add(_of_margins([3.0, 1.0, 1.0]))  # no loss grows so today
    left = sorted(set(pairs(file)) - used)
    assert not left, f"no loss says this any more: mend or delete it in src/losskit/guide/chinese/{file}.py: {left}"
    assert file == "shared" or not set(pairs(file)) & set(pairs("shared")), "shared has it already"


#: Code, names, shapes and numbers, which are the same in both languages.
KEPT = re.compile(
    r"``[^`]+``|:class:`[^`]+`|\b\w+Loss\b|\b\w+\(\)|\b[a-zA-Z]+_\w+\b|arXiv:\S+|pytorch#\d+|"
    rf"{SHAPE.pattern}|(?<![\w.])-?\d+(?:\.\d+)?(?:e-?\d+)?(?![\w.]*\d)"
)


@pytest.mark.parametrize("file", TABLES)
def test_the_chinese_keeps_code_names_and_numbers(file: str) -> None:
    for text, said in TABLES[file].items():
        assert set(BLANK.findall(text)) == set(BLANK.findall(said)) or not file.startswith("checker"), said
        assert not [each for each in KEPT.findall(text) if each not in said], said


#: What a report fills in.
BLANK = re.compile(r"\{\w+\}")


@pytest.mark.parametrize("file", TABLES)
def test_the_chinese_is_set_as_usual(file: str) -> None:
    han = "[\u4e00-\u9fff]"
    for said in TABLES[file].values():
        assert re.search(f"{han}|：", said) or not re.search("[a-z]", BLANK.sub("", said))
        assert not re.search(rf"{han}[,;:!?]|{han}\(|{han}\.(?!\w)", said), f"full-width punctuation: {said}"
        bare = said.replace("``", "").replace("`", "")
        assert not re.search(rf"{han}[A-Za-z0-9(\[]|[A-Za-z0-9)\]]{han}", bare), f"spaces around Latin: {said}"
        assert not re.search(rf"[，。；：、（] | [，。；：、）]|{han} {han}", said), f"no space here: {said}"
        assert not [wrong for wrong in GLOSSARY if wrong in said], said


#: What no engineer says, and what is said instead.
GLOSSARY = {
    "即时模式": "eager（动态图）模式",
    "平均值存在": "求均值不会溢出",
    "对手": "对比基线",
    "落败": "不占优",
    "容易的答案": "易分样本",
    "参照物": "对比基线",
    "单热": "one-hot",
    "对数几率": "logits",
    "小批量大小": "批大小",
    "已答对": "易分样本",
    "是或否": "二分类",
}


def test_the_readme_and_the_pages_keep_to_the_glossary() -> None:
    root = Path(__file__).parent.parent
    for path in (root / "README.zh-CN.md", *(root / "docs" / "zh").glob("*.md")):
        for wrong, right in GLOSSARY.items():
            assert wrong not in path.read_text(encoding="utf-8"), f"{path.name}: {right} instead of {wrong}"


def pages() -> Iterator[tuple[str, str]]:
    """Every page in Chinese, without its code and source."""
    for told in ((), (Situation.OUTLIERS,), (Situation.IMBALANCED,)):
        for task in (None, *Task):
            for output in (None, *OUTPUTS):
                yield f"{task} {output} {told}", guide(task, output, told, "zh").partition("\n代码\n")[0]
    for each in [*map(name, LOSSES), *ABBREVIATIONS, *KERAS]:
        yield each, explain(each, "zh").partition("\n代码\n")[0]
    yield "list", listing("zh")


def test_no_english_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(terminal, "WIDEST", 10_000)
    monkeypatch.setenv("COLUMNS", "10000")
    names = {part for loss in LOSSES for part in (loss.__name__, *inspect.signature(loss).parameters)}
    for asked, page in pages():
        for line in page.splitlines():
            if re.search("[=⎧⎩]", line) and not re.search(f"[{WIDE}]", line):
                continue  # a formula
            for words in re.findall(r"[a-z]+(?:'s)?(?: [a-z]+){2,}", line):
                assert sum(len(word) > 2 and word not in names for word in words.split()) < 2, f"{asked}: {line}"
            if not line.startswith("  "):
                assert re.search(f"[{WIDE}]", line) or not re.search("[a-z]{3,} [a-z]{2,}", line), f"{asked}: {line}"


def test_both_languages_have_the_same_parts() -> None:
    for loss in LOSSES:
        both = [explain(loss.__name__, language) for language in ("en", "zh")]
        shape = [[len(part.splitlines()[0]) > 0 for part in page.split("\n\n")] for page in both]
        assert len(shape[0]) == len(shape[1]), loss.__name__
        codes = [
            page.partition(f"\n{title}\n\n")[2].rpartition("\n\n")[0] for page, title in zip(both, ("Code", "代码"))
        ]
        assert codes[0] == codes[1] != ""


def test_the_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["list", "--lang", "zh"]) == 0
    assert "CPU 内核" in capsys.readouterr().out
    assert cli.main(["explain", "ce", "--lang", "zh"]) == 0
    assert "'ce' 也可能指 " in capsys.readouterr().out
    assert cli.main(["explain", "adaptive_log_softmax_with_loss", "--lang", "zh"]) == 0
    page = capsys.readouterr().out
    assert all(f"\n\n{title}\n" in page for title in ("参数", "张量", "返回", "代码", "来源"))
