"""What the README shows is what happens."""

import re
import shlex
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest

from chainrule.cli import main

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", README, re.S)
PYTHON = [(code, output) for (kind, code), (_, output) in pairwise(BLOCKS) if kind == "python"]
COMMANDS = [
    line.removeprefix("$ chainrule ")
    for kind, code in BLOCKS
    if kind == "console"
    for line in code.splitlines()
    if line.startswith("$ chainrule ")
]


@pytest.mark.parametrize(
    ("code", "output"),
    PYTHON,
    ids=["neuron", "layer", "compile", "train", "check", "differentiate"],
)
def test_python_prints_what_is_shown(code, output, tmp_path):
    file = tmp_path / "readme.py"
    file.write_text(code, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, str(file)], capture_output=True, text=True, check=False, encoding="utf-8"
    )
    assert done.stderr == ""
    assert done.stdout.strip() == output.strip()


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_run(command, capsys):
    assert main(shlex.split(command)) == 0
    assert len(capsys.readouterr().out) > 80


def test_the_tour_prints_what_is_shown(capsys):
    assert main(["tour"]) == 0
    # In this order; `...` and the gaps between the lines stand for what is left out.
    out = iter([line.strip() for line in capsys.readouterr().out.splitlines()])
    (shown,) = [code for kind, code in BLOCKS if kind == "text" and "neuron.py:9" in code]
    for line in shown.splitlines():
        assert line.strip() in ("...", "") or line.strip() in out
