"""pytest's plugin, which watches the losses that tests call: off unless ``--losskit`` or ``losskit_check = true`` asks for it.

Every run of pytest imports this file where losskit is installed. So it imports neither torch nor anything that a release of
pytest may lack; the rest of this folder is imported once the plugin is on.
"""

from __future__ import annotations

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """Two ways to switch it on, the language in which it tells, and the findings to ignore."""
    text = "watch the losses that tests call; a misuse whose harm was measured fails its test"
    group = parser.getgroup("losskit")
    group.addoption("--losskit", action="store_true", help=text)
    group.addoption("--losskit-lang", choices=("en", "zh"), help="tell of losses in English or Chinese (default: en)")
    parser.addini("losskit_lang", "as --losskit-lang, in every run", default="en")
    parser.addini("losskit_check", "as --losskit, in every run", type="bool", default=False)
    parser.addini(
        "losskit_ignore", "codes of findings of losskit to ignore: LK310, or LK3 for all of these", type="args"
    )


@pytest.hookimpl(trylast=True)  # once there is a terminal
def pytest_configure(config: pytest.Config) -> None:
    """Start; the mark is known even where the plugin is off."""
    config.addinivalue_line("markers", "losskit(ignore): findings of losskit that are meant to be, as ['LK310']")
    if config.getoption("losskit") or config.getini("losskit_check"):
        from losskit.pytest_plugin.hooks import Hooks

        config.pluginmanager.register(Hooks(config), "losskit-hooks")
