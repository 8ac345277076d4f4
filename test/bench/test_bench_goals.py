"""`wm_ros bench goals`: checkpoints beside random actions, in one space of plans or in both."""

import json
from functools import partial

import pytest

pytest.importorskip("torch")
pytest.importorskip("mujoco")

from typer.testing import CliRunner

from wm_ros.bench import goals
from wm_ros.cli import app
from wm_ros.tasks.lockstep import LockstepOptions


@pytest.mark.parametrize("spaces", [(), ("action", "latent")])
def test_a_table_is_printed_and_written_with_the_figures_that_each_row_has(spaces, tmp_path, monkeypatch):
    monkeypatch.setattr(goals, "LockstepOptions", partial(LockstepOptions, limit_s=0.4))
    monkeypatch.setenv("COLUMNS", "200")
    file = tmp_path / "table.json"
    chosen = [word for space in spaces for word in ("--space", space)]
    result = CliRunner().invoke(
        app, ["bench", "goals", "--goals", "1", "--seeds", "1", "--json", str(file), *chosen]
    )
    assert result.exit_code == 0, result.output
    table = json.loads(file.read_text())
    assert len(table) == max(1, len(spaces)) + 1
    assert "candidates_per_plan" not in table["random actions"]
    for name, row in table.items():
        assert 0.0 <= row["success_rate"] <= 1.0
        if name != "random actions":
            assert row["candidates_per_plan"] == 128
            assert ("way_back_fails" in row) == name.endswith("latent")
        assert name in result.output
