"""TeX formulas of docstrings as plain text for a terminal."""

from __future__ import annotations

import re
from unicodedata import normalize

#: The text of a command; one that is missing here is shown as its name.
SIGNS = {
    **{"alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "varepsilon": "ε", "epsilon": "ε", "theta": "θ"},
    **{"lambda": "λ", "mu": "μ", "pi": "π", "rho": "ρ", "sigma": "σ", "tau": "τ", "phi": "φ", "ell": "ℓ"},
    **{"sum": "Σ", "prod": "∏", "partial": "∂", "infty": "∞", "cdot": "·", "times": "×", "mapsto": "↦", "to": "→"},
    **{"in": "∈", "notin": "∉", "ne": "≠", "neq": "≠", "le": "≤", "leq": "≤", "ge": "≥", "geq": "≥", "approx": "≈"},
    **{"lVert": "‖", "rVert": "‖", "|": "‖", "mid": "|"},
    **{name: name for name in ("log", "exp", "max", "min", "cos")},
    **{"left": "", "right": "", "quad": "  "},
}
RAISED = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")
GROUP = r"\{((?:[^{}]|\{[^{}]*\})*)\}"  # with braces nested once


def shown(tex: str, room: int = 100) -> str:
    """A formula as text; one with cases has several lines, below its left side where ``room`` columns are too few."""
    tex = " ".join(tex.split())
    cases = re.search(r"\\begin\{cases\}(.*)\\end\{cases\}", tex)
    if cases is None:
        return _line(tex)
    lead = _line(tex[: cases.start()]) + " "
    after = _line(tex[cases.end() :])
    rows = [tuple(map(_line, row.split("&"))) for row in cases[1].split(r"\\")]
    wide = max(len(value) for value, _ in rows)
    signs = ["⎧", *"⎨" * (len(rows) - 2), "⎩"]
    lines = [
        f"{sign} {value:{wide}}  {'' if when == 'else' else 'if '}{when}"
        for sign, (value, when) in zip(signs, rows, strict=True)
    ]
    text = lead + ("\n" + " " * len(lead)).join(lines) + after
    return text if max(map(len, text.splitlines())) <= room else "\n  ".join([lead.rstrip(), *lines]) + after


def _line(tex: str) -> str:
    tex = re.sub(r" ?\\, ?", " ", tex)
    tex = re.sub(r"\\hat(?: (\w)|\{(\w)\})", lambda hat: normalize("NFC", f"{hat[1] or hat[2]}\u0302"), tex)
    tex = re.sub(r"\\tfrac(\w)(\w)", r"\1/\2", tex)
    tex = re.sub(rf"\\t?frac{GROUP}{GROUP}", lambda frac: f"{_whole(frac[1])}/{_whole(frac[2])}", tex)
    tex = re.sub(rf"\\(?:text|mathrm|mathcal){GROUP}", r"\1", tex)
    tex = re.sub(r"\\([A-Za-z]+|\|)( ?)", lambda command: SIGNS.get(command[1], command[1]) + command[2], tex)
    tex = re.sub(r"\^(?:\{(-?\d+)\}|(\d))", lambda power: (power[1] or power[2]).translate(RAISED), tex)
    tex = re.sub(r"([_^])\{([^{}]*)\}", lambda script: script[1] + _whole(script[2]), tex)
    tex = re.sub(r" {3,}", "  ", tex.replace("~", " "))
    return re.sub(r"(?<=[(\[]) +| +(?=[)\],])", "", tex).strip()


def _whole(part: str) -> str:
    """A numerator, denominator, index or exponent: in parentheses unless it is a single term."""
    part = part.strip()
    return part if re.fullmatch(r"\\?\w+|\([^()]*\)(?:\^\w)?", part) else f"({part})"
