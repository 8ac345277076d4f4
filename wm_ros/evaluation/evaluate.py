"""Bags and a checkpoint in, answers out: every bag is read once, then every question is asked of what was kept."""

from __future__ import annotations

import json
import shutil
from functools import partial
from pathlib import Path
from typing import Any

from wm_ros.evaluation.evidence.ask import SEEDS, Ask, EvaluationError
from wm_ros.evaluation.evidence.gather import gather
from wm_ros.evaluation.evidence.parts import Evidence
from wm_ros.evaluation.files import read_json, slug, write_json
from wm_ros.evaluation.studies.dynamics import dynamics
from wm_ros.evaluation.studies.families import family
from wm_ros.evaluation.studies.fidelity import fidelity
from wm_ros.evaluation.studies.operator import against_operator
from wm_ros.evaluation.studies.probe import probe
from wm_ros.evaluation.studies.supervision import supervision
from wm_ros.evaluation.tasks import Progress, Task, View, Workers
from wm_ros.models.card import read_card
from wm_ros.training.identity import differences

PROGRESS = ".progress"
DECODER = "decoder.safetensors"


def evaluate(ask: Ask, out: Path, jobs: int, view: View) -> tuple[Evidence, dict[str, Any]]:
    """Read the bags and ask all questions; the evidence, and the answers as JSON data by question.

    What is finished is kept in `out`/.progress until `finish` removes it; the same call goes on from there. The number
    of jobs changes no answer.
    """
    work = out / PROGRESS
    _begin(work, ask)
    folders = [work / f"bag-{number}" for number in range(len(ask.bags))]
    parts = [
        Task(f"bag {path.name}", folder / "part.json", partial(gather, ask, number, folder))
        for number, (path, folder) in enumerate(zip(ask.bags, folders, strict=True))
    ]
    tasks = [
        Task(
            " ".join(question),
            work / f"{slug('-'.join(question))}.json",
            partial(_answer, ask, folders, question),
        )
        for question in _questions(ask)
    ]
    with Workers(jobs, view) as workers:
        workers.run("bags", parts)
        workers.run("questions", tasks)
    evidence = Evidence(folders)
    answers: dict[str, Any] = {}
    for (kind, *names), task in zip(_questions(ask), tasks, strict=True):
        place = answers
        for name in (kind, *names)[:-1]:
            place = place.setdefault(name, {})
        place[(kind, *names)[-1]] = read_json(task.result)
    return evidence, answers


def finish(out: Path) -> None:
    """Remove what was kept to go on with."""
    shutil.rmtree(out / PROGRESS)


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
    what = json.loads(json.dumps(ask.identity()))
    if not work.is_dir():
        if work.parent.exists() and not (work.parent.is_dir() and not any(work.parent.iterdir())):
            raise EvaluationError(
                f"{work.parent} exists and is not an empty folder; nothing is overwritten: give another --out"
            )
        work.mkdir(parents=True)
        write_json(work / "ask.json", what)
        return
    if found := differences(read_json(work / "ask.json"), what):
        raise EvaluationError(
            f"{work.parent} holds the progress of another evaluation: {'; '.join(found)}. Give another --out, or "
            "delete the folder"
        )
