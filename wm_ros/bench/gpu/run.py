"""Runs the steps, each in a process of its own with a limit of time; what one of them does cannot stop the rest."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import torch

from wm_ros.bench.gpu.rows import Rows

# Most wanted first, with the share of all the time that each may take.
STEPS = {"equality": 0.15, "plans": 0.7, "encoders": 0.15}


def run(out: Path, minutes: float, device: str, toy: bool) -> bool:
    """Write OUT/STEP.json of every step, OUT/STEP.log where it fails, and one table; True if all went well."""
    out.mkdir(parents=True, exist_ok=True)
    where = torch.cuda.get_device_name() if device.startswith("cuda") else "CPU"
    print(f"{where}, torch {torch.__version__}{', toy sizes' if toy else ''}", flush=True)
    failed = {}
    for step, share in STEPS.items():
        command = [sys.executable, "-m", "wm_ros.bench.gpu.run", step, device, str(int(toy)), str(out)]
        limit_s = 60 * minutes * share
        try:
            done = subprocess.run(command, timeout=limit_s, stderr=subprocess.PIPE, text=True)
        except subprocess.TimeoutExpired:
            failed[step] = f"ended after its {limit_s:.0f} s"
            continue
        if done.returncode:
            (out / f"{step}.log").write_text(done.stderr, encoding="utf-8")
            failed[step] = done.stderr.strip().splitlines()[-1] if done.stderr.strip() else "no message"
    _table(out, failed)
    return not failed


def _table(out: Path, failed: dict[str, str]) -> None:
    for step in STEPS:
        print(f"\n{step}{': ' + failed[step] if step in failed else ''}")
        path = out / f"{step}.json"
        for name, row in json.loads(path.read_text()).items() if path.exists() else ():
            print(f"  {name:44}" + "  ".join(f"{key} {value}" for key, value in row.items()))


if __name__ == "__main__":
    name, device, toy, folder = sys.argv[1:]
    rows = Rows(Path(folder) / f"{name}.json")
    import_module(f"wm_ros.bench.gpu.{name}").measure(device, bool(int(toy)), rows)
