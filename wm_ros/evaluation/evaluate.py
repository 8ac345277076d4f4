"""Bags and a checkpoint in, results out: every bag is read once, then every study runs on what was extracted."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from wm_ros.evaluation.config import SEEDS, EvaluationConfig, EvaluationError
from wm_ros.evaluation.dataset.dataset import EvaluationDataset
from wm_ros.evaluation.dataset.extract import extract
from wm_ros.evaluation.distributed import ProcessGroup
from wm_ros.evaluation.files import read_json, slug, write_json
from wm_ros.evaluation.jobs import Progress, ProgressListener, Task, run_tasks
from wm_ros.evaluation.studies.dynamics import dynamics
from wm_ros.evaluation.studies.families import family
from wm_ros.evaluation.studies.fidelity import fidelity
from wm_ros.evaluation.studies.operator import against_operator
from wm_ros.evaluation.studies.probe import probe
from wm_ros.evaluation.studies.supervision import supervision
from wm_ros.evaluation.transfer.study import transfer
from wm_ros.models.card import read_card
from wm_ros.models.weights import DECODER_WEIGHTS
from wm_ros.training.run_identity import differences, require_same
from wm_ros.training.worker_pool import Workers

PROGRESS, CONFIG_FILE = ".progress", "config.json"
SOURCE = "transfer-from"  # folder of what was extracted of the recording whose actions are taken


def evaluate(
    config: EvaluationConfig, out: Path, jobs: int, group: ProcessGroup, listener: ProgressListener
) -> None:
    """Read the bags and run all studies, each process with so many jobs its share of them.

    What is finished is kept in `out`/.progress until `finish` removes it; the same call goes on from there. Neither the
    number of jobs nor that of processes changes a result.
    """
    work = out / PROGRESS
    group.run_on_main(lambda: _begin(work, config))
    group.require_shared(work)
    group.synchronize(_config_mismatch(work, config))
    with Workers(jobs) as workers:
        run_tasks("bags", _extraction_tasks(work, config), workers, group, listener)
        run_tasks("questions", _study_tasks(work, config), workers, group, listener)
        # Draws with a decoder that one of the questions has fitted.
        run_tasks("transfer", [_transfer_task(work, config)], workers, group, listener)


def read_results(config: EvaluationConfig, out: Path) -> tuple[EvaluationDataset, dict[str, Any]]:
    """What `evaluate` came to: the dataset, and the results as JSON data by study."""
    work = out / PROGRESS
    results: dict[str, Any] = {}
    for (kind, *names), task in zip(_studies(config), _study_tasks(work, config), strict=True):
        node = results
        for name in (kind, *names)[:-1]:
            node = node.setdefault(name, {})
        node[(kind, *names)[-1]] = read_json(task.result)
    results["transfer"] = read_json(_transfer_task(work, config).result)
    return EvaluationDataset(_folders(work, config)), results


def transfer_source(work: Path, config: EvaluationConfig) -> EvaluationDataset | None:
    """What was extracted of the recording whose latent actions are applied in the bags, None where they are the bags'
    own."""
    return None if config.transfer_from is None else EvaluationDataset([work / SOURCE])


def finish(out: Path) -> None:
    """Remove what was kept to go on with."""
    shutil.rmtree(out / PROGRESS)


def _folders(work: Path, config: EvaluationConfig) -> list[Path]:
    return [work / f"bag-{number}" for number in range(len(config.bags))]


def _extraction_tasks(work: Path, config: EvaluationConfig) -> list[Task]:
    tasks = [
        Task(f"bag {path.name}", folder / "part.json", partial(extract, config, number, folder))
        for number, (path, folder) in enumerate(zip(config.bags, _folders(work, config), strict=True))
    ]
    if config.transfer_from is not None:
        alone = replace(config, bags=(config.transfer_from,), encoders=("checkpoint",))
        call = partial(extract, alone, 0, work / SOURCE)
        tasks.append(Task(f"actions of {config.transfer_from.name}", work / SOURCE / "part.json", call))
    return tasks


def _study_tasks(work: Path, config: EvaluationConfig) -> list[Task]:
    folders = _folders(work, config)
    return [
        Task(
            " ".join(study),
            work / f"{slug('-'.join(study))}.json",
            partial(_run_study, config, folders, study),
        )
        for study in _studies(config)
    ]


def _transfer_task(work: Path, config: EvaluationConfig) -> Task:
    return Task("transfer", work / "transfer.json", partial(_run_transfer, work, config))


def _run_transfer(work: Path, config: EvaluationConfig, progress: Progress) -> None:
    dataset, fidelity = EvaluationDataset(_folders(work, config)), work / "fidelity-checkpoint.json"
    if not dataset.bags:
        result: dict[str, Any] = {"left_out": "no bag could be read"}
    else:
        source = transfer_source(work, config)
        result = transfer(dataset, source, config, read_json(fidelity), work, progress)
    write_json(work / "transfer.json", result)


def _studies(config: EvaluationConfig) -> list[tuple[str, ...]]:
    """Longest first, so that no process is left alone with it at the end."""
    return [
        *(("families", name, str(seed)) for seed in range(SEEDS) for name in config.families),
        ("supervision",),
        *(("probe", name) for name in config.encoders),
        *(("fidelity", name) for name in config.encoders),
        ("operator",),
        ("dynamics",),
    ]


def _run_study(
    config: EvaluationConfig, folders: list[Path], study: tuple[str, ...], progress: Progress
) -> None:
    dataset, work = EvaluationDataset(folders), folders[0].parent
    kind, *names = study
    if not dataset.bags:
        result: dict[str, Any] = {"left_out": "no bag could be read"}
    elif kind == "families":
        encoder_config = read_card(config.checkpoint).encoder
        result = family(dataset, config, names[0], int(names[1]), encoder_config, progress)
    elif kind == "supervision":
        result = supervision(dataset, config, progress)
    elif kind == "probe":
        result = probe(dataset, config, names[0], progress)
    elif kind == "fidelity":
        keep = work / DECODER_WEIGHTS if names[0] == "checkpoint" else None
        result = fidelity(dataset, config, names[0], keep, progress)
    elif kind == "operator":
        result = against_operator(dataset, config.checkpoint, config.profile, progress)
    else:
        result = dynamics(dataset, config.checkpoint, config.profile)
    write_json(work / f"{slug('-'.join(study))}.json", result)


def _begin(work: Path, config: EvaluationConfig) -> None:
    """Make the folder of the progress, or go on with the one that is there if it is of the same evaluation."""
    require_same(work.parent, work / CONFIG_FILE, _fingerprint(config), "evaluation", EvaluationError)
    work.mkdir(parents=True, exist_ok=True)
    write_json(work / CONFIG_FILE, _fingerprint(config))


def _config_mismatch(work: Path, config: EvaluationConfig) -> EvaluationError | None:
    """Why this process has no part in the evaluation which the main one has begun, None if it has."""
    if found := differences(read_json(work / CONFIG_FILE), _fingerprint(config)):
        return EvaluationError(
            f"it was asked otherwise than process 0: {'; '.join(found)}. Give all processes the same arguments and "
            "files, by the same paths"
        )
    return None


def _fingerprint(config: EvaluationConfig) -> dict[str, Any]:
    return json.loads(json.dumps(config.fingerprint()))
