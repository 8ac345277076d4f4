"""Bags and a checkpoint in, answers out: every bag is read once, then every question is asked of what was kept."""

from __future__ import annotations

import json
import shutil
from functools import partial
from pathlib import Path
from typing import Any

from wm_ros.evaluation.distributed import Together
from wm_ros.evaluation.evidence.gather import gather
from wm_ros.evaluation.evidence.parts import Evidence
from wm_ros.evaluation.evidence.request import SEEDS, Ask, EvaluationError
from wm_ros.evaluation.files import read_json, slug, write_json
from wm_ros.evaluation.jobs import Progress, Task, View, do
from wm_ros.evaluation.studies.dynamics import dynamics
from wm_ros.evaluation.studies.families import family
from wm_ros.evaluation.studies.fidelity import fidelity
from wm_ros.evaluation.studies.operator import against_operator
from wm_ros.evaluation.studies.probe import probe
from wm_ros.evaluation.studies.supervision import supervision
from wm_ros.models.card import read_card
from wm_ros.training.run_identity import differences, require_same
from wm_ros.training.worker_pool import Workers

PROGRESS, ASKED = ".progress", "ask.json"
DECODER = "decoder.safetensors"


def evaluate(ask: Ask, out: Path, jobs: int, together: Together, view: View) -> None:
    """Read the bags and ask all questions, each process with so many jobs its share of them.

    What is finished is kept in `out`/.progress until `finish` removes it; the same call goes on from there. Neither the
    number of jobs nor that of processes changes an answer.
    """
    work = out / PROGRESS
    together.by_main(lambda: _begin(work, ask))
    together.require_shared(work)
    together.settle(_asked_otherwise(work, ask))
    with Workers(jobs) as workers:
        do("bags", _parts(work, ask), workers, together, view)
        do("questions", _tasks(work, ask), workers, together, view)


def read_answers(ask: Ask, out: Path) -> tuple[Evidence, dict[str, Any]]:
    """What `evaluate` came to: the evidence, and the answers as JSON data by question."""
    work = out / PROGRESS
    answers: dict[str, Any] = {}
    for (kind, *names), task in zip(_questions(ask), _tasks(work, ask), strict=True):
        place = answers
        for name in (kind, *names)[:-1]:
            place = place.setdefault(name, {})
        place[(kind, *names)[-1]] = read_json(task.result)
    return Evidence(_folders(work, ask)), answers


def finish(out: Path) -> None:
    """Remove what was kept to go on with."""
    shutil.rmtree(out / PROGRESS)


def _folders(work: Path, ask: Ask) -> list[Path]:
    return [work / f"bag-{number}" for number in range(len(ask.bags))]


def _parts(work: Path, ask: Ask) -> list[Task]:
    return [
        Task(f"bag {path.name}", folder / "part.json", partial(gather, ask, number, folder))
        for number, (path, folder) in enumerate(zip(ask.bags, _folders(work, ask), strict=True))
    ]


def _tasks(work: Path, ask: Ask) -> list[Task]:
    folders = _folders(work, ask)
    return [
        Task(
            " ".join(question),
            work / f"{slug('-'.join(question))}.json",
            partial(_answer, ask, folders, question),
        )
        for question in _questions(ask)
    ]


def _questions(ask: Ask) -> list[tuple[str, ...]]:
    """Longest first, so that no process is left alone with it at the end."""
    return [
        *(("families", name, str(seed)) for seed in range(SEEDS) for name in ask.families),
        ("supervision",),
        *(("probe", name) for name in ask.encoders),
        *(("fidelity", name) for name in ask.encoders),
        ("operator",),
        ("dynamics",),
    ]


def _answer(ask: Ask, folders: list[Path], question: tuple[str, ...], progress: Progress) -> None:
    evidence, work = Evidence(folders), folders[0].parent
    kind, *names = question
    if not evidence.parts:
        answer: dict[str, Any] = {"left_out": "no bag could be read"}
    elif kind == "families":
        config = read_card(ask.checkpoint).encoder
        answer = family(evidence, ask, names[0], int(names[1]), config, progress)
    elif kind == "supervision":
        answer = supervision(evidence, ask, progress)
    elif kind == "probe":
        answer = probe(evidence, ask, names[0], progress)
    elif kind == "fidelity":
        keep = work / DECODER if names[0] == "checkpoint" else None
        answer = fidelity(evidence, ask, names[0], keep, progress)
    elif kind == "operator":
        answer = against_operator(evidence, ask.checkpoint, ask.profile, progress)
    else:
        answer = dynamics(evidence, ask.checkpoint, ask.profile)
    write_json(work / f"{slug('-'.join(question))}.json", answer)


def _begin(work: Path, ask: Ask) -> None:
    """Make the folder of the progress, or go on with the one that is there if it is of the same evaluation."""
    require_same(work.parent, work / ASKED, _identity(ask), "evaluation", EvaluationError)
    work.mkdir(parents=True, exist_ok=True)
    write_json(work / ASKED, _identity(ask))


def _asked_otherwise(work: Path, ask: Ask) -> EvaluationError | None:
    """Why this process has no part in the evaluation which the main one has begun, None if it has."""
    if found := differences(read_json(work / ASKED), _identity(ask)):
        return EvaluationError(
            f"it was asked otherwise than process 0: {'; '.join(found)}. Give all processes the same arguments and "
            "files, by the same paths"
        )
    return None


def _identity(ask: Ask) -> dict[str, Any]:
    return json.loads(json.dumps(ask.identity()))
