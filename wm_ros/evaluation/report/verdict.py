"""What the figures mean for somebody who has to decide: a level and a sentence for each question."""

from __future__ import annotations

from typing import Any

from wm_ros.evaluation.dataset.corruptions import FRAME_LOSS, SEVERITIES
from wm_ros.evaluation.report.certainty import interval_text, level_of, what_is_open
from wm_ros.training.collapse import warnings_of

# Where good begins, and where with care.
R2_GOOD, R2_CARE = 0.5, 0.2
CONTROL_SHARE = 0.5  # of the probe's R2 that a control may reach
PLAN_GOOD, PLAN_CARE = 0.6, 0.95  # of the error of not moving at all
COPY_GOOD, COPY_CARE = 0.5, 0.95  # of the error of predicting no change, at the last step
LADDER_SHARE = 0.5  # of the clean R2 that must be left at the second severity
ENOUGH_EPISODES = 10
HELD_OUT = "held-out episodes"
ORDER = ("good", "care", "bad")
TITLES = {
    "good": "Worth trusting on these bags",
    "care": "Worth trusting with care on these bags",
    "bad": "Not worth trusting on these bags",
    "unknown": "These bags cannot tell",
}

Finding = dict[str, str]


def verdict(report: dict[str, Any]) -> dict[str, Any]:
    """`level` and `title` of the whole, and the `findings` it comes from."""
    findings = [_data(report), _encoder(report), *_model(report), _plans(report), _robustness(report)]
    # What is wrong with the data is said, but says nothing of the model.
    levels = [found["level"] for found in findings[1:] if found["level"] != "unknown"]
    level = max(levels, key=ORDER.index) if levels else "unknown"
    if level == "good" and findings[0]["level"] == "care":
        level = "care"
    return {"level": level, "title": TITLES[level], "findings": findings}


def _data(report: dict[str, Any]) -> Finding:
    title, bags = "The bags", report["bags"]
    problems = [f"{about['name']} could not be read: {about['error']}" for about in report["unreadable"]]
    for about in bags:
        name = about["name"]
        if not about["pairs"]:
            problems.append(f"{name} is of no use: {about['verdict'].removeprefix('no: ')}")
        elif about["still"]:
            problems.append(f"nothing moves in the pictures of {name}")
        if about["commands_refused"]:
            problems.append(f"{name} is read without its commands: {about['commands_refused']}")
        elif not about["labelled"]:
            hints = [note for note in about["notes"] if "`--command`" in note]
            problems.append(". ".join([f"{name} has no commands", *hints]))
        if name and name in report["checkpoint"]["trained_on"].split(", "):
            problems.append(
                f"the checkpoint was trained on a recording called {name}: if it is this one, what is held out here "
                "was seen there, and the figures flatter"
            )
    if not bags:
        return _finding("bad", title, "; ".join(problems))
    held = report["held_out"]
    if not held["scored"] or not held["fitted"]:
        problems.append(
            "nothing can be held out, so nothing that must be fitted is scored: record at least two episodes"
        )
    elif held["episodes"] < ENOUGH_EPISODES:
        problems.append(f"{held['episodes']} episodes are few: expect other figures from other episodes")
    facts = f"{held['seconds']:.0f} s, {held['frames']} frames, {held['episodes']} episodes; "
    if is_ridge(report):
        facts += f"for the probes each is held out in turn, decoders are fitted on {held['fitted']}"
    else:
        facts += f"fitted on {held['fitted']}, scored on {held['scored']} held out"
    return _finding("care" if problems else "good", title, ". ".join([facts, *map(_sentence, problems)]))


def _encoder(report: dict[str, Any]) -> Finding:
    title, probe = "What the encoder sees", report["probe"]
    ours = probe["checkpoint"]
    own = report["dynamics"].get("read_back_total")
    prefix = ""
    if own is not None:
        within = interval_text(own, _r2)
        prefix = f"The model itself, without fitting, reads R2 {own['mean']:.2f} of the commands, {within}"
        prefix = ". ".join(filter(None, [prefix, _sentence(what_is_open(own, R2_GOOD, R2_CARE, _r2))])) + ". "
    if "left_out" in ours or ours["layers"]["output"]["total"] is None:
        reason = ours.get("left_out", "the held-out commands never change, so nothing can be explained")
        found = "unknown" if own is None else "good" if level_of(own, R2_GOOD, R2_CARE) == "good" else "care"
        return _finding(found, title, f"{prefix}{_sentence(reason)}")
    output = ours["layers"]["output"]
    total, score = output["total"], output["total"]["mean"]
    controls = {name: value["mean"] for name, value in output["controls"].items() if isinstance(value, dict)}
    cheapest = max(controls, key=controls.__getitem__) if controls else ""
    most = total if own is None else max(total, own, key=lambda figure: figure["mean"])
    found = level_of(most, R2_GOOD, R2_CARE)
    kind = "A ridge regression" if is_ridge(report) else "An MLP"
    text = f"{prefix}{kind} that is fitted on these bags reads R2 {score:.2f}, {interval_text(total, _r2, HELD_OUT)}"
    if cheapest and controls[cheapest] > max(0.1, CONTROL_SHARE * score):
        found = "care" if found == "good" else found
        text += (
            f", but {cheapest} alone reaches {controls[cheapest]:.2f}: what these bags ask for can be guessed from how "
            "the scene looks, and motion is not needed"
        )
    elif cheapest:
        text += f", and {controls[cheapest]:.2f} without motion ({cheapest})"
    others = {
        name: answer["layers"]["output"]["total"]
        for name, answer in probe.items()
        if name != "checkpoint" and answer["layers"]["output"]["total"] is not None
    }
    better = [name for name, other in others.items() if _is_above(other, total)]
    sentences = [text, _sentence(what_is_open(total, R2_GOOD, R2_CARE, _r2))]
    if own is not None and own["mean"] >= R2_GOOD > score:
        sentences.append("So the action is there, and the bags are too few to find it in")
    if better:
        sentences.append(f"Better on these bags: {_named(better, others)}")
    sentences.append(f"Why this probe: {report['probes']['why']}")
    return _finding(found, title, ". ".join(filter(None, sentences)))


def _model(report: dict[str, Any]) -> list[Finding]:
    answer, title = report["dynamics"], "What the world model foresees"
    if "left_out" in answer:
        return [_finding("unknown", title, _sentence(answer["left_out"]))]
    loop = answer["open_loop"]
    steps = len(loop["copy last"])
    kind = "commands" if "commands" in loop else "latent actions"
    last = answer["last"]
    text = (
        f"{steps * answer['step_s']:.1f} s ahead, told the {'recorded commands' if kind == 'commands' else kind}, its "
        f"error is {_share(last['mean'])} of that of predicting no change, {interval_text(last, _share)}"
    )
    text = ". ".join(filter(None, [text, _sentence(what_is_open(last, COPY_GOOD, COPY_CARE, _share))]))
    foresees = _finding(level_of(last, COPY_GOOD, COPY_CARE), title, text)
    checks, title = answer["checks"], "Whether the latent action is an action"
    warnings = warnings_of(report["checkpoint"]["bottleneck"], checks)
    text = (
        f"With another clip's latent action the error is {checks['action_gap_shuffled']:.3g} times as large; across a "
        f"cut {checks['leakage']:.3g} times"
    )
    if warnings:
        return [foresees, _finding("bad", title, ". ".join(map(_sentence, warnings)))]
    return [foresees, _finding("good", title, text)]


def _plans(report: dict[str, Any]) -> Finding:
    answer, title = report["operator"], "Planning against the operator"
    if "left_out" in answer:
        return _finding("unknown", title, _sentence(answer["left_out"]))
    words = [
        f"{error:.3g} {unit} off (no plan {answer['by_unit']['zero'][unit]:.3g}, random "
        f"{answer['by_unit']['random'][unit]:.3g})"
        for unit, error in answer["by_unit"]["planned"].items()
    ]
    text = f"Asked to reach the frame {answer['horizon_s']:.1f} s ahead, plans are {', '.join(words)}"
    if not answer["shares"]:
        return _finding(
            "unknown", title, f"{text}. The operator commanded nothing, so no plan is as good as any"
        )
    unit, worst = max(answer["shares"].items(), key=lambda share: share[1]["mean"])
    of = "" if len(answer["shares"]) == 1 else f" in {unit}"
    text += f": {_share(worst['mean'])} of the error of no plan{of}, {interval_text(worst, _share)}"
    text = ". ".join(filter(None, [text, _sentence(what_is_open(worst, PLAN_GOOD, PLAN_CARE, _share))]))
    return _finding(level_of(worst, PLAN_GOOD, PLAN_CARE), title, text)


def _robustness(report: dict[str, Any]) -> Finding:
    answer, title = report["probe"]["checkpoint"], "When pictures get worse"
    if "left_out" in answer or answer["ladder"]["none"][0]["r2"] is None:
        return _finding(
            "unknown", title, _sentence(answer.get("left_out", "there is no clean score to fall from"))
        )
    clean = answer["ladder"]["none"][0]["r2"]["mean"]
    if clean < R2_CARE:
        return _finding("unknown", title, "There is too little to lose: the clean score is low already")
    lost = {}
    for kind in (*SEVERITIES, *FRAME_LOSS):
        middle = answer["ladder"][kind][1]
        if middle["r2"] is not None and middle["r2"]["mean"] < LADDER_SHARE * clean:
            lost[kind] = middle["r2"]["mean"]
    if not lost:
        return _finding("good", title, f"More than half of R2 {clean:.2f} is left in all middle severities")
    names = ", ".join(
        f"{kind} (R2 {value:.2f})" for kind, value in sorted(lost.items(), key=lambda item: item[1])
    )
    return _finding("care", title, f"More than half of R2 {clean:.2f} is lost to moderate {names}")


def _finding(level: str, title: str, text: str) -> Finding:
    return {"level": level, "title": title, "text": text.rstrip(".") + "."}


def is_ridge(report: dict[str, Any]) -> bool:
    """Whether there were so few episodes that the probes are ridge regressions."""
    return report["probes"]["kind"] == "ridge"


def _is_above(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether all of one lies above the other, of seeds or of what other episodes might give."""
    return one["low"] is not None and other["high"] is not None and one["low"] > other["high"]


def _r2(value: float) -> str:
    return f"{value:.2f}"


def _named(names: list[str], totals: dict[str, Any]) -> str:
    return ", ".join(f"{name} ({totals[name]['mean']:.2f})" for name in names)


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def _share(value: float) -> str:
    return f"{100 * value:.0f} %"
