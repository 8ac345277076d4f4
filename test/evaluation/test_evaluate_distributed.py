"""One evaluation by several processes, as `accelerate launch` starts them on two machines that share a folder."""

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytest.importorskip("accelerate")
pytest.importorskip("sklearn")
pytest.importorskip("rosbags")
pytest.importorskip("matplotlib")
pytest.importorskip("jinja2")

from bag_makers import COMMANDS, PERIOD, SECOND, command, image, write_bag
from checkpoint_harness import write_checkpoint
from evaluation_harness import Here
from typer.testing import CliRunner

from wm_ros.cli import app
from wm_ros.evaluation import evaluate as evaluation
from wm_ros.evaluation.config import EvaluationError
from wm_ros.evaluation.distributed import ProcessGroup
from wm_ros.robots.profile import load_profile

ENVIRONMENT = {**os.environ, "COLUMNS": "200", "NO_COLOR": "1", "OMP_NUM_THREADS": "1"}


@pytest.fixture(scope="module")
def arguments(tmp_path_factory):
    """Three bags of one episode each, of which the second is held out, and a small untrained model."""
    folder = tmp_path_factory.mktemp("bags")
    bags = []
    for name in ("a", "b", "c"):
        stamps = [5 * SECOND + k * PERIOD for k in range(60)]
        messages = [("/image", stamp, image(stamp, 9 * k % 251)) for k, stamp in enumerate(stamps)]
        messages += [
            (COMMANDS, stamp, command(0.1 * (k % 7), -0.1 * (k % 5))) for k, stamp in enumerate(stamps)
        ]
        bags.append(write_bag(folder / name, messages))
    model = write_checkpoint(folder / "model", load_profile("arm"))
    return ("evaluate", *map(str, bags), "--checkpoint", model, "--encoders", "pixels", "--jobs", "1")


def brief(out, effort="0.001"):
    return "--out", str(out), "--effort", effort


def free_port():
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return server.getsockname()[1]


def launched(folder, arguments):
    """The launchers of two machines, of which this one plays both, and the files of what they print."""
    launch = ("accelerate.commands.launch", "--multi_gpu", "--num_machines", "2", "--num_processes", "2")
    place = ("--main_process_ip", "127.0.0.1", "--main_process_port", str(free_port()))
    return logged(
        folder, [("-m", *launch, *place, "--machine_rank", rank, "-m", *arguments) for rank in "01"]
    )


def started(folder, arguments):
    """The processes that such launchers start, without them."""
    return logged(folder, [("-m", *arguments)] * 2, places())


def logged(folder, arguments, more=({}, {})):
    """Two Pythons, with these in their environments, and the files of what they print."""
    logs, running = [folder / f"log-{time.monotonic_ns()}-{rank}" for rank in (0, 1)], []
    for log, own, place in zip(logs, arguments, more, strict=True):
        with log.open("w") as file:
            command, environment = [sys.executable, *own], {**ENVIRONMENT, **place}
            running.append(subprocess.Popen(command, stdout=file, stderr=file, env=environment))
    return running, logs


def places():
    """How launchers tell two processes of each other."""
    both = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port())}
    return [{**both, "RANK": rank, "LOCAL_RANK": rank} for rank in "01"]


def children(pid):
    tasks = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for task in tasks for child in task.read_text().split()]


def wait_until(condition):
    while not condition():
        time.sleep(0.05)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="looks at /proc")
def test_two_machines_write_what_one_process_writes_also_when_one_was_killed(
    arguments, tmp_path, monkeypatch
):
    out, command = tmp_path / "out", ("wm_ros.cli", *arguments, *brief(tmp_path / "out"))
    evaluating, logs = started(tmp_path, command)
    try:
        wait_until(lambda: (out / ".progress" / "bag-1" / "part.json").is_file())
        workers = children(evaluating[1].pid)
        evaluating[1].kill()
        assert [process.wait() for process in evaluating] == [1, -9]
    finally:
        for process in evaluating:
            process.kill()
    assert "another process of this evaluation was ended: run the same command again" in logs[0].read_text()
    # Nobody is left behind, though nobody could end them.
    wait_until(lambda: not any(Path(f"/proc/{worker}").exists() for worker in workers))
    kept = {path: path.stat().st_mtime_ns for path in (out / ".progress").glob("bag-*/part.json")}
    assert len(kept) == 3  # what others had begun was finished

    machines, logs = launched(tmp_path, command)
    try:
        assert [machine.wait() for machine in machines] == [0, 0], [log.read_text() for log in logs]
    finally:
        for machine in machines:
            machine.terminate()
    said, quiet = (log.read_text() for log in logs)
    assert "2 processes" in said
    assert "bag a: done" not in said  # once was enough
    assert said.count("report.html, and report.json") == 1
    assert "done" not in quiet

    monkeypatch.setattr(evaluation, "Workers", Here)
    alone = CliRunner().invoke(app, [*arguments, *brief(tmp_path / "alone")])
    assert alone.exit_code == 0, alone.output
    for name in ("report.json", "report.html"):
        assert (out / name).read_bytes() == (tmp_path / "alone" / name).read_bytes()


def two_processes(*arguments):
    """Exit codes, outputs and errors of two Pythons that were launched as one."""
    processes = [
        subprocess.Popen(
            [sys.executable, *own],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**ENVIRONMENT, **place},
        )
        for own, place in zip(arguments, places(), strict=True)
    ]
    said = [process.communicate() for process in processes]
    return [process.returncode for process in processes], *zip(*said, strict=True)


@pytest.mark.parametrize(
    "made", ["wm_ros.evaluation.distributed.ProcessGroup", "wm_ros.training.engine.Engine"]
)
def test_a_process_leaves_the_others_before_its_interpreter_ends(made):
    module, name = made.rsplit(".", 1)
    script = f"""
import atexit
from torch import distributed
from {module} import {name}
atexit.register(lambda: print("among others", distributed.is_initialized()))  # called after what comes later
{name}()
print("among others", distributed.is_initialized())
"""
    codes, outputs, errors = two_processes(("-c", script), ("-c", script))
    assert codes == [0, 0], errors
    assert outputs == ("among others True\namong others False\n",) * 2


@pytest.mark.parametrize(
    ("first", "second", "said"),
    [
        (("here", "0.001"), ("there", "0.001"), "does not see what process 0 wrote to"),
        (("here", "0.001"), ("here", "0.002"), "it was asked otherwise than process 0: effort was 0.001 and"),
    ],
    ids=["folders of their own", "other options"],
)
def test_processes_that_have_no_evaluation_in_common_all_end(arguments, tmp_path, first, second, said):
    commands = [
        ["-m", "wm_ros.cli", *arguments, *brief(tmp_path / out, effort)] for out, effort in (first, second)
    ]
    codes, _, errors = two_processes(*commands)
    assert codes == [1, 1], errors
    assert "wm_ros: process 1 of 2 ended: " in errors[0]
    assert all(said in error for error in errors)
    assert not any("Traceback" in error for error in errors)


def test_a_launcher_that_starts_one_process_of_several_is_found_out(monkeypatch):
    monkeypatch.setenv("ACCELERATE_MIXED_PRECISION", "no")
    monkeypatch.setenv("MASTER_ADDR", "127.0.0.1")
    with pytest.raises(EvaluationError, match="add --multi_gpu"):
        ProcessGroup()


def test_alone_there_is_nobody_to_wait_for(tmp_path):
    alone = ProcessGroup()
    assert (alone.rank, alone.world_size, alone.is_main) == (0, 1, True)
    assert alone.run_on_main(lambda: 3) == 3
    alone.require_shared(tmp_path)
    alone.wait_for_files([tmp_path / "nobody looks for it"])
    with pytest.raises(ValueError, match="mine"):
        alone.synchronize(ValueError("mine"))
