"""Names from outside are shown on a terminal, and never obeyed by it."""

import re

import pytest
from bag_makers import frames, held, write_bag
from rich.progress import Progress, TextColumn
from rich.text import Text
from typer.testing import CliRunner

from wm_ros.cli import app, main
from wm_ros.commands.terminal import Terminal
from wm_ros.printable import printable

SECOND = 1_000_000_000
NAME = "bag\x1b]0;owned\x07\x1b[2J[red]\u202e"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain, \u00e9\u65e5\u672c\n\tlines", "plain, \u00e9\u65e5\u672c\n\tlines"),
        ("\x1b[31m\x07\r", r"\x1b[31m\x07\r"),
        ("\u202e\udc80\x9b", r"\u202e\udc80\x9b"),
    ],
)
def test_what_is_not_printable_is_shown_as_its_escape(text, shown):
    assert printable(text) == shown


def test_inspect_shows_a_bag_s_name_and_does_not_obey_it(tmp_path):
    bag = write_bag(tmp_path / NAME, frames(20) + held(5 * SECOND, 100, 0.1, 0.1))
    result = CliRunner().invoke(app, ["inspect", str(bag)], env={"COLUMNS": "250"})
    assert result.exit_code == 0, result.output
    assert r"bag\x1b]0;owned\x07\x1b[2J[red]\u202e: bag, 20 frames" in result.output
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]", result.output)


def test_an_error_shows_a_name_and_does_not_obey_it(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["wm_ros", "inspect", str(tmp_path / NAME)])
    with pytest.raises(SystemExit):
        main()
    said = capsys.readouterr().err
    assert r"\x1b]0;owned" in said
    assert "\x1b" not in said


def test_colours_are_given_as_styles_and_a_text_is_a_text(capsys):
    Terminal(force_terminal=True, color_system="standard").print("[red]\x1b[31m", style="green")
    assert capsys.readouterr().out == "\x1b[32m[red]\\x1b[31m\x1b[0m\n"


def test_texts_and_bars_are_shown_too_and_not_obeyed(capsys):
    console = Terminal(force_terminal=True, width=200)
    console.print(Text(NAME))
    with Progress(TextColumn("{task.description}", markup=False), console=console) as progress:
        progress.add_task(NAME)
    shown = capsys.readouterr().out
    assert shown.count(r"bag\x1b]0;owned") >= 2
    assert not re.search("\x1b]0;|\x1b\\[2J|\u202e", shown)
