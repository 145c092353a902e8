"""``make gallery``: every loss has a page with its curve, and no link leads nowhere."""

from __future__ import annotations

import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from html.parser import HTMLParser
from pathlib import Path

import pytest

from losskit.catalog import CATALOG

ROOT = Path(__file__).parent.parent
GALLERY = ROOT / "docs" / "gallery.py"
VOID = {"meta", "wbr", "!doctype"}


class Page(HTMLParser):
    """The links and the text of a page; raises ValueError where a tag is not closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.said: list[str] = []
        self.open: list[str] = []
        self.feed(text)
        if self.open:
            raise ValueError(f"not closed: {self.open}")

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.links += [str(value) for name, value in attrs if name == "href"]
        self.open += [] if tag in VOID else [tag]

    def handle_endtag(self, tag: str) -> None:
        if self.open.pop() != tag:
            raise ValueError(f"{tag} is closed where it was not open")

    def handle_data(self, data: str) -> None:
        self.said.append(data)


def faults(folder: Path) -> list[str]:
    """What is missing or broken in a gallery."""
    found = []
    pages = {path.name: path.read_text(encoding="utf-8") for path in folder.glob("*.html")}
    index = Page(pages.get("index.html", ""))
    for loss in CATALOG:
        name = f"{loss.__name__}.html"
        if name not in pages:
            found.append(f"no page {name}")
        if name not in index.links:
            found.append(f"{name} is not in the index")
    for name, text in pages.items():
        try:
            page = Page(text)
        except ValueError as error:
            found.append(f"{name}: {error}")
            continue
        found += [f"{name}: no {link}" for link in page.links if not (folder / link.partition("#")[0]).exists()]
        said = "".join(page.said)
        found += [f"{name}: {mark} is left" for mark in ("``", ":class:", ".. math", "\\frac") if mark in said]
        for picture in re.findall("<svg xmlns.*?</svg>(?=</div>|<b>)", text, re.S):
            try:
                ET.fromstring(picture)
            except ET.ParseError as error:
                found.append(f"{name}: {error}")
    return found


@pytest.fixture(scope="module")
def gallery(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("gallery") / "losses"
    done = subprocess.run([sys.executable, str(GALLERY), str(folder)], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert sorted(map(Path, done.stdout.split())) == sorted(folder.iterdir())
    return folder


def test_every_loss_has_a_page_and_every_link_an_end(gallery: Path) -> None:
    assert faults(gallery) == []
    for path in gallery.glob("*.svg"):
        assert ET.fromstring(path.read_text(encoding="utf-8")).tag.endswith("svg")
    assert len(list(gallery.glob("*.svg"))) == len(CATALOG) - 1  # a sequence's loss has no curve


def test_a_page_says_what_its_class_does(gallery: Path) -> None:
    for loss in CATALOG:
        text = (gallery / f"{loss.__name__}.html").read_text(encoding="utf-8")
        said = " ".join("".join(Page(text).said).split())
        for word in (*loss.arguments, *loss.about.tensors, *map(str, loss.about.serves), loss.about.source):
            assert " ".join(word.split()) in said, (loss, word)
        assert text.count("<figure>") == (loss.__name__ != "CTCLoss")
        for arguments in loss.about.suits.values():
            assert f"{loss.__name__}({arguments})" in said


def test_faults_are_found(gallery: Path, tmp_path: Path) -> None:
    for path in gallery.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "MSELoss.html").unlink()
    page = tmp_path / "L1Loss.html"
    page.write_text(page.read_text(encoding="utf-8").replace("</main>", ""))
    page = tmp_path / "BCELoss.html"
    page.write_text(page.read_text(encoding="utf-8").replace("<p>", "<p>``x``", 1).replace('viewBox="', "viewBox=", 1))
    found = faults(tmp_path)
    assert "no page MSELoss.html" in found
    assert "L1Loss.html: html is closed where it was not open" in found
    assert "BCELoss.html: `` is left" in found
    assert any(fault.startswith("BCELoss.html: not well-formed") for fault in found)
    assert "HuberLoss.html: no MSELoss.html" in found


def test_nothing_of_it_is_in_git() -> None:
    ignored = (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()
    assert "docs/losses/" in ignored
