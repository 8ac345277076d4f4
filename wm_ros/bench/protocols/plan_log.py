"""Plans on disk, a line each, so that a measurement which was ended goes on where it was."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np


class PlanLog:
    """The plans [H, A] that a file holds, by start and seed; a last line that was cut off is forgotten."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.plans: dict[tuple[int, int], np.ndarray] = {}
        whole = []
        for line in path.read_text(encoding="utf-8").splitlines() if path.is_file() else ():
            try:
                entry = json.loads(line)
            except ValueError:
                break
            whole.append(line)
            self.plans[entry["start"], entry["seed"]] = np.array(entry["rates"])
        path.write_text("".join(f"{line}\n" for line in whole), encoding="utf-8")

    def add(self, start: int, seed: int, rates: np.ndarray) -> None:
        """Keep a plan [H, A]."""
        self.plans[start, seed] = rates
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"start": start, "seed": seed, "rates": rates.tolist()}) + "\n")
