"""The command `wm_ros`: starts without torch and without rclpy, and says in a sentence what goes wrong."""

from __future__ import annotations

import sys

import typer

from wm_ros.commands.bench import bench
from wm_ros.commands.calibrate import calibrate
from wm_ros.commands.convert import convert
from wm_ros.commands.demo import demo
from wm_ros.commands.drive import drive
from wm_ros.commands.evaluate import evaluate
from wm_ros.commands.export import export
from wm_ros.commands.inspect import inspect
from wm_ros.commands.record import record
from wm_ros.commands.replay import replay
from wm_ros.commands.status import status
from wm_ros.commands.terminal import Terminal
from wm_ros.commands.train import train
from wm_ros.commands.train_decoder import train_decoder

HELP = """Latent action world models for ROS 2: camera frames in, guarded robot commands out.

\b
See it work, in three minutes and without a robot:
    wm_ros demo
\b
Your robot, with a profile of it in robot.yaml (see config/robots/arm.yaml):
    wm_ros record --profile robot.yaml --out bag --explore    moves it, bounded, and records
    wm_ros inspect bag --profile robot.yaml                   what is in it, and what it can train
    wm_ros train bag --profile robot.yaml --out checkpoint    learns from it, and scores itself
    wm_ros evaluate other_bag --checkpoint checkpoint --out report   what it is worth, before anything moves
    wm_ros replay bag --profile robot.yaml --checkpoint checkpoint    in time? safe? nothing moves
    wm_ros drive --goals pictures --profile robot.yaml --checkpoint checkpoint    goal by goal
\b
The nodes are ROS 2 executables: pipeline_node, guard_node, sim_node, ... and have launch files.
`wm_ros status` shows what those that run do, and why not."""

app = typer.Typer(help=HELP, no_args_is_help=True, rich_markup_mode=None, add_completion=False)
for command in (
    demo,
    record,
    inspect,
    train,
    train_decoder,
    evaluate,
    replay,
    drive,
    status,
    export,
    convert,
    calibrate,
):
    app.command()(command)
app.add_typer(bench, name="bench")

# Which extra brings a module that only some commands need.
EXTRAS = {
    "accelerate": "train",
    "av": "train",
    "diffusers": "encoders",
    "evo": "eval",
    "jinja2": "eval",
    "matplotlib": "eval",
    "mcap": "train",
    "mujoco": "sim",
    "pyarrow": "train",
    "rclpy": "ros",
    "rosbags": "train",
    "safetensors": "train",
    "scipy": "eval",
    "sklearn": "eval",
    "tensorboard": "train",
    "torch": "train",
    "transformers": "encoders",
    "PIL": "eval",
}


def main() -> None:
    """Entry point of the console script."""
    try:
        app()
    except KeyboardInterrupt:
        sys.exit(130)
    except ModuleNotFoundError as error:
        extra = EXTRAS.get((error.name or "").partition(".")[0])
        if extra is None:
            raise
        _fail(f"this needs {error.name}: pip install 'wm_ros[{extra}]', or `make venv`")
    except Exception as error:
        # Our own errors say what to do; anything else is a fault of ours, and its traceback is wanted.
        if not type(error).__module__.startswith("wm_ros."):
            raise
        _fail(str(error))


def _fail(sentence: str) -> None:
    Terminal(stderr=True).print(f"wm_ros: {sentence}", soft_wrap=True)
    sys.exit(1)


if __name__ == "__main__":
    main()
