"""Builds docs/losses/: a page for each loss, with its curve beside its relatives, and a gallery of them as index.html.

Everything on the pages is read from the classes. ``make gallery`` runs this.
"""

from __future__ import annotations

import argparse
import inspect
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import escape
from pathlib import Path

from losskit.catalog import CATALOG
from losskit.core.head import Task
from losskit.guide.axes import NoAxisError, relatives
from losskit.guide.choose import Pick
from losskit.guide.code import script
from losskit.guide.curves import Picture, picture
from losskit.guide.formula import shown
from losskit.guide.in_svg import svg, thumbnail
from losskit.guide.show import MATH, halves, summary
from losskit.guide.slopes import slopes
from losskit.guide.words import say
from losskit.loss import Loss

STYLE = """
:root{color-scheme:light dark;--page:#fff;--ink:#1b1f24;--faint:#57606a;--edge:#d5dae0;--box:#f5f7f9;--link:#0b62d6}
@media(prefers-color-scheme:dark){:root{--page:#0f1419;--ink:#e8edf2;--faint:#a3adb8;--edge:#323a43;--box:#181f26;--link:#62a8ff}}
*{box-sizing:border-box}
body{margin:0 auto;padding:1rem 1rem 4rem;max-width:62rem;background:var(--page);color:var(--ink);
 font:16px/1.6 system-ui,-apple-system,"Segoe UI","Noto Sans CJK SC",sans-serif;overflow-wrap:break-word}
main{max-width:46rem}
a{color:var(--link);text-decoration:none}a:hover{text-decoration:underline}
h1{font-size:1.8rem;line-height:1.2;margin:1rem 0 .3rem}h2{font-size:1.2rem;margin:2rem 0 .5rem}
.lead{font-size:1.1rem;color:var(--faint);margin:0 0 1rem}
code,pre{font:.88em/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace}
code{background:var(--box);border-radius:4px;padding:.1em .3em}
pre{background:var(--box);border:1px solid var(--edge);border-radius:8px;padding:.8rem 1rem;overflow-x:auto}
pre code{padding:0;background:none}
figure{margin:1rem 0;border:1px solid var(--edge);border-radius:8px;overflow:hidden}
figure svg{display:block;width:100%;height:auto}figure .narrow{display:none}
@media(max-width:560px){figure .wide{display:none}figure .narrow{display:block}}
dt{font-weight:600;margin-top:.6rem}dd{margin:0}
.rows{overflow-x:auto}table{border-collapse:collapse}
th,td{text-align:left;vertical-align:top;padding:.35rem 1rem .35rem 0;border-bottom:1px solid var(--edge)}
th{font-weight:600;white-space:nowrap}
.cards{display:grid;grid-template-columns:repeat(auto-fill,minmax(14rem,1fr));gap:1rem;padding:0;list-style:none}
.cards a{display:block;height:100%;padding:.8rem;border:1px solid var(--edge);border-radius:8px;color:inherit}
.cards a:hover{border-color:var(--link);text-decoration:none}
.cards b{color:var(--link);}.cards span{display:block;font-size:.9rem;line-height:1.4;color:var(--faint)}
.cards svg{width:100%;height:auto}.none{display:grid;place-items:center;aspect-ratio:2;font-size:.9rem;color:var(--faint)}
"""
PAGE = """\
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>{style}</style>
{body}
</html>
"""


def build(folder: Path) -> list[Path]:
    """Write the pages, and their pictures as files of their own; returns what was written."""
    folder.mkdir(parents=True, exist_ok=True)
    curves = {loss: curve(loss) for loss in CATALOG}
    written = {"index.html": index(curves)}
    for loss, drawn in curves.items():
        written[f"{loss.__name__}.html"] = page(loss, drawn)
        if drawn is not None:
            written[f"{loss.__name__}.svg"] = svg(drawn, "en")
    for name, text in written.items():
        (folder / name).write_text(text, encoding="utf-8")
    return [folder / name for name in written]


def curve(loss: type[Loss]) -> Picture | None:
    """Its picture, if it has one."""
    try:
        return picture(loss)
    except NoAxisError:
        return None


def index(curves: Mapping[type[Loss], Picture | None]) -> str:
    """All losses, each under its usual task."""
    parts = ["<h1>Losses of losskit</h1>", '<p class="lead">Each with its curve beside its relatives, thin.</p>']
    for task in (*Task, None):
        cards = [_card(loss, drawn) for loss, drawn in curves.items() if next(iter(loss.about.serves), None) is task]
        if cards:
            title = "Others" if task is None else f"{str(task).capitalize()}: {say(task, 'en')}"
            parts.append(f"<h2>{escape(title)}</h2>")
            parts.append(f'<ul class="cards">{"".join(cards)}</ul>')
    return _whole("Losses of losskit", parts)


def _card(loss: type[Loss], drawn: Picture | None) -> str:
    image = '<div class="none">no curve</div>' if drawn is None else thumbnail(drawn)
    name, told = loss.__name__, _plain(summary(loss, "en"))
    return f'<li><a href="{name}.html">{image}<b>{_breakable(name)}</b><span>{escape(told)}</span></a></li>'


def page(loss: type[Loss], drawn: Picture | None) -> str:
    """All that its class says."""
    name, about = loss.__name__, loss.about
    first = next(iter(about.tensors))
    parts = [
        f'<nav><a href="index.html">All losses</a></nav><main><h1>{_breakable(name)}</h1>',
        *_prose(inspect.cleandoc(str(loss.__doc__)).partition("\nArgs:")[0], figure(loss, drawn)),
        "<h2>Arguments</h2>",
        _list((each, argument.documentation) for each, argument in loss.arguments.items()),
        "<h2>Tensors</h2>",
        _list((each, slot.describe(None if each == first else first)) for each, slot in about.tensors.items()),
    ]
    if about.serves:
        heads = {task: dict(halves(Pick(loss, head, "", ()), "en")) for task, head in about.serves.items()}
        rows = [(f"{task}: {say(task, 'en')}", *told.values()) for task, told in heads.items()]
        parts += ["<h2>Last layer and target</h2>", _table(("task", *next(iter(heads.values()))), rows)]
    if table := slopes(loss):
        parts += ["<h2>Gradient</h2>", f"<pre>{escape(table)}</pre>"]
    if about.suits:
        fits = [(say(situation, "en"), f"``{name}({given})``") for situation, given in about.suits.items()]
        parts += ["<h2>Made for</h2>", _table(("data", "loss"), fits)]
    usual = next(iter(about.serves), None)
    parts += ["<h2>Code</h2>", f"<pre><code>{escape(script(loss, usual).rstrip())}</code></pre>"]
    parts += ["<h2>Source</h2>", f"<p>{escape(about.source)}</p></main>"]
    return _whole(name, parts)


def figure(loss: type[Loss], drawn: Picture | None) -> str:
    """Its picture, for a wide and for a narrow page, and links to its relatives."""
    if drawn is None:
        return ""
    others = [other.__name__ for other, _ in relatives(loss) if other is not loss]
    beside = ", ".join(f'<a href="{other}.html">{other}</a>' for other in others)
    told = f"<p>Beside it: {beside}.</p>" if beside else ""
    wide, narrow = svg(drawn, "en"), svg(drawn, "en", beside=False)
    return f'<figure><div class="wide">{wide}</div><div class="narrow">{narrow}</div></figure>{told}'


def _prose(text: str, after_summary: str) -> Iterator[str]:
    summary, *paragraphs = text.strip().split("\n\n")
    yield f'<p class="lead">{_marked(summary)}</p>{after_summary}'
    for paragraph in paragraphs:
        if paragraph.startswith(MATH):
            yield f"<pre>{escape(shown(paragraph.removeprefix(MATH), 80))}</pre>"
        else:
            yield f"<p>{_marked(paragraph)}</p>"


def _list(rows: Iterable[tuple[str, str]]) -> str:
    return "<dl>" + "".join(f"<dt><code>{name}</code></dt><dd>{_marked(told)}</dd>" for name, told in rows) + "</dl>"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    cells = "".join(f"<tr>{''.join(f'<td>{_marked(cell)}</td>' for cell in row)}</tr>" for row in rows)
    titles = "".join(f"<th>{_marked(title)}</th>" for title in head)
    return f'<div class="rows"><table><tr>{titles}</tr>{cells}</table></div>'


def _marked(text: str) -> str:
    """A docstring's text with its code and its names of losses as links."""
    text = re.sub(r"``(.+?)``", r"<code>\1</code>", escape(" ".join(text.split()).replace(r"\*", "*"), quote=False))
    return re.sub(r":\w+:`~?([^`]*)`", lambda name: _link(name[1]), text)


def _link(name: str) -> str:
    known = name in {loss.__name__ for loss in CATALOG}
    return f'<a href="{name}.html">{name}</a>' if known else f"<code>{name}</code>"


def _breakable(name: str) -> str:
    return re.sub("(?<=[a-z])(?=[A-Z])", "<wbr>", name)


def _plain(text: str) -> str:
    return text.replace("\N{NO-BREAK SPACE}", " ")


def _whole(title: str, parts: Iterable[str]) -> str:
    return PAGE.format(title=escape(title), style=STYLE, body="\n".join(parts))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=Path(__file__).parent / "losses")
    for path in build(parser.parse_args().folder):
        print(path)
