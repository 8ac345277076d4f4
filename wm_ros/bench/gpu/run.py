"""Runs the steps, each in a process of its own with a limit of time; what one of them does cannot stop the rest."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import asdict
from importlib import import_module
from pathlib import Path

import torch

from wm_ros.bench.gpu.rows import Rows, Setup, read_table, write_table

# Most wanted first, and how much of the time that is left each may take beside those after it: what one does not need,
# the others have.
STEPS = {
    "equality": 1.5,
    "plans": 4.0,
    "compiled": 6.0,
    "chunks": 1.5,
    "kernels": 1.0,
    "public": 1.0,
    "encoders": 1.5,
    "training": 1.0,
    "things": 3.0,
}
RESULTS, TABLE, LOG = "results.json", "table.txt", "log.txt"


def run(out: Path, minutes: float, device: str, recording: Path | None = None) -> bool:
    """Write OUT/results.json as it goes, and in the end OUT/table.txt, which is printed; True if all went well.

    On a CPU everything is tried out at toy sizes. What fails is a row that says so, and OUT/log.txt has all of it.
    """
    out.mkdir(parents=True, exist_ok=True)
    for name in (RESULTS, LOG):
        (out / name).unlink(missing_ok=True)
    toy = not device.startswith("cuda")
    card = "CPU, toy sizes" if toy else torch.cuda.get_device_name(device)
    machine: dict[str, float | str] = {"device": card, "torch": torch.__version__}
    write_table(out / RESULTS, {"machine": {"": machine}})
    end, well = time.monotonic() + 60 * minutes, True
    for place, (step, share) in enumerate(STEPS.items()):
        left = end - time.monotonic()
        limit_s = left * share / sum(list(STEPS.values())[place:])
        setup = Setup(device, toy, out, max(0.0, limit_s), recording)
        started = time.monotonic()
        reason = _ended(step, setup)
        state: dict[str, float | str] = {"seconds": round(time.monotonic() - started, 1)}
        if reason:
            well, state = False, {**state, "failed": reason}
        table = read_table(out / RESULTS)
        table.setdefault("steps", {})[step] = state
        write_table(out / RESULTS, table)
    text = as_text(read_table(out / RESULTS))
    (out / TABLE).write_text(text, encoding="utf-8")
    print(text)
    return well


def as_text(table: dict[str, dict[str, dict[str, float | str]]]) -> str:
    """All rows, a line each, by step."""
    lines = []
    for step, rows in table.items():
        lines.append(f"\n{step}")
        for name, row in rows.items():
            lines.append(f"  {name:48}  " + "  ".join(f"{key} {value}" for key, value in row.items()))
    return "\n".join(lines) + "\n"


def _ended(step: str, setup: Setup) -> str:
    """Runs a step to its end or its limit; why it did not end well, else nothing."""
    told = json.dumps(asdict(setup), default=str)
    command = [sys.executable, "-m", "wm_ros.bench.gpu.run", step, told]
    with (setup.out / LOG).open("a", encoding="utf-8") as log:
        begins = log.tell()
        # A session of its own: what it started, such as compilers, ends with it.
        process = subprocess.Popen(command, stderr=log, start_new_session=True)
        try:
            code = process.wait(setup.seconds)
        except subprocess.TimeoutExpired:
            return f"ended after its {setup.seconds:.0f} s"
        finally:
            _end(process)
    said = (setup.out / LOG).read_text(encoding="utf-8")[begins:].strip().splitlines()
    return "" if not code else said[-1][:200] if said else f"exit code {code}"


def _end(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _step(step: str, told: str) -> int:
    """In its own process: the step's exit code."""
    content = json.loads(told)
    recording = None if content["recording"] is None else Path(content["recording"])
    setup = Setup(content["device"], content["toy"], Path(content["out"]), content["seconds"], recording)
    if setup.toy:
        torch.set_num_threads(1)
    rows = Rows(setup.out / RESULTS, step)
    import_module(f"wm_ros.bench.gpu.{step}").measure(setup, rows)
    if rows.failed:
        print("rows that say why could not be measured", file=sys.stderr)
    return int(rows.failed)


if __name__ == "__main__":
    sys.exit(_step(*sys.argv[1:]))
