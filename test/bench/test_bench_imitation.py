"""`wm_ros bench imitation`: a row for each kind of demonstration and each way to imitate it."""

import json

import pytest

pytest.importorskip("torch")
pytest.importorskip("mujoco")

from typer.testing import CliRunner

from wm_ros.bench import imitation
from wm_ros.cli import app


def test_a_table_has_every_kind_of_demonstration_and_every_way(tmp_path, monkeypatch):
    monkeypatch.setattr(imitation, "TIMES", 0.0)
    monkeypatch.setattr(imitation, "MORE_S", 0.4)
    monkeypatch.setenv("COLUMNS", "200")
    file = tmp_path / "table.json"
    result = CliRunner().invoke(app, ["bench", "imitation", "--demonstrations", "1", "--json", str(file)])
    assert result.exit_code == 0, result.output
    table = json.loads(file.read_text())
    assert set(table) == {
        f"{kind}: {way}" for kind in ("there and back", "round an obstacle") for way in imitation.WAYS
    }
    for row in table.values():
        assert 0.0 <= row["success_rate"] <= 1.0
        assert row["from_path_cm"] > 0.0
        assert row["trials"] == 1
