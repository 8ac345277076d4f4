"""`wm_ros evaluate` on bags whole and broken: the report is made, the same every time, and says what is wrong."""

import json
import re
import shutil

import pytest

pytest.importorskip("torch")
pytest.importorskip("mujoco")
pytest.importorskip("rosbags")
pytest.importorskip("matplotlib")
pytest.importorskip("jinja2")
pytest.importorskip("sklearn")

from bag_makers import SECOND, command, image, write_bag
from checkpoint_harness import write_checkpoint
from evaluation_harness import Here, evaluate_briefly
from message_kinds import blank
from small_bag import record_small_bag
from typer.testing import CliRunner

from wm_ros.cli import app
from wm_ros.evaluation import config as configuration
from wm_ros.evaluation import evaluate as evaluation
from wm_ros.evaluation.report.render import render
from wm_ros.evaluation.studies import fidelity
from wm_ros.models.decoder import Decoder
from wm_ros.models.decoder_checkpoint import save_decoder
from wm_ros.resources import share_dir
from wm_ros.robots.profile import load_profile

COMMANDS = "/joint_velocity_controller/commands"
LITTLE = ["--effort", "0.001"]


@pytest.fixture
def here(monkeypatch):
    evaluate_briefly(monkeypatch)


@pytest.fixture(scope="module")
def bag(tmp_path_factory):
    return record_small_bag(tmp_path_factory.mktemp("evaluated"))


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A small untrained checkpoint."""
    return write_checkpoint(tmp_path_factory.mktemp("model") / "small", load_profile("arm"))


@pytest.fixture(scope="module")
def report(tmp_path_factory, bag, model):
    """The folder of a report that was made as users make it, in two processes."""
    out = tmp_path_factory.mktemp("report") / "out"
    done = run(bag, "--out", out, "--checkpoint", model, "--encoders", "pixels,autoencoder", *LITTLE)
    assert done.exit_code == 0, done.output
    return out


def run(*arguments):
    return CliRunner().invoke(app, ["evaluate", *map(str, arguments)])


def read(out):
    return json.loads((out / "report.json").read_text(encoding="utf-8"))


def imagined(page):
    """The section with the strips of what the model expects."""
    return page.partition("<h2>What it imagines")[2].partition("<h2>")[0]


def frames(count, value=lambda k: 9 * k % 251, start=5 * SECOND, period=SECOND // 10, topic="/image"):
    return [(topic, start + k * period, image(start + k * period, value(k))) for k in range(count)]


def commands(count, start=5 * SECOND, period=SECOND // 10):
    return [(COMMANDS, start + k * period, command(0.1 * (k % 7), -0.1 * (k % 5))) for k in range(count)]


# A whole bag.


def test_every_question_has_an_answer(report):
    found = read(report)
    assert found["held_out"] | {"seconds": 0, "frames": 0} == {
        "bags": 1, "episodes": 4, "fitted": 3, "scored": 1, "seconds": 0, "frames": 0
    }  # fmt: skip
    assert list(found["probe"]) == ["checkpoint", "pixels"]
    assert len(found["probe"]["checkpoint"]["layers"]) == 5
    total = found["probe"]["checkpoint"]["layers"]["output"]["total"]
    assert (total["episodes"], total["interval"]) == (4, None)
    assert found["probes"]["kind"] == "ridge"
    assert found["fidelity"]["pixels"]["psnr"] > 0
    assert any(point["front"] for point in found["plane"])
    assert len(found["families"]["autoencoder"]) == 3
    assert len(found["dynamics"]["open_loop"]["commands"]) == 8
    assert {"leakage", "cycle", "controller_gap", "action_gap_shuffled"} <= set(found["dynamics"]["checks"])
    assert set(found["operator"]["by_component"]["planned"]) == {"shoulder", "elbow"}
    assert "4 episodes are too few to tune an encoder on" in found["supervision"]["left_out"]
    assert {"cycle", "leakage", "another clip's", "no motion"} <= set(found["transfer"]["checks"])
    assert set(found["transfer"]["read_back"]["own"]["carried"]) == {"total", "shoulder", "elbow"}
    assert found["verdict"]["findings"][0]["title"] == "The bags"


def test_the_page_is_whole_small_and_needs_no_network(report):
    page = (report / "report.html").read_text(encoding="utf-8")
    assert len(page) < 5_000_000
    assert page.count("<svg") == 2
    assert page.count("no probe reads more of the commands than their mean tells, R2 0.05") == 2
    assert "4 episodes are fewer than 100" in page
    assert imagined(page).count("data:image/png;base64,") == 8
    assert not re.search(r"(src|href)=\"(?!data:|#)", page)
    assert "nan" not in re.sub(r"base64,[A-Za-z0-9+/=]+", "", page).lower().split()
    found = read(report)
    assert page.index(found["verdict"]["title"]) < page.index("<section")


def test_what_cannot_be_read_is_left_out_and_the_reason_said(report):
    """Nothing learns in a few steps: scores far below 0, of which none can be lost, and a decoder that draws grey."""
    page, found = (report / "report.html").read_text(encoding="utf-8"), read(report)
    clean = found["probe"]["checkpoint"]["ladder"]["none"][0]["r2"]["mean"]
    said = (
        f"no encoder has anything to lose, all clean scores are below R2 0.2: checkpoint {clean:.2f}, pixels "
    )
    assert said in page
    assert "charts ladder" not in page
    psnr = found["fidelity"]["checkpoint"]["psnr"]
    assert "Left out: what the model expects there, as the decoder that would draw it redraws" in page
    assert f"with a PSNR of {psnr:.1f} dB, and one mean picture for all has" in page
    assert "decoded" not in page


def test_curves_are_drawn_of_those_that_have_something_to_lose_on_axes_that_hold_them(report):
    found = read(report)
    for name, values in {"checkpoint": (0.8, -40.0), "pixels": (0.1, 0.1)}.items():
        ladder = found["probe"][name]["ladder"]
        for kind, steps in ladder.items():
            for step in steps:
                step["r2"] = {"mean": values[kind == "noise"]}
    page = render(found, None)
    section = page.partition("<h2>When pictures get worse")[2].partition("<h2>")[0]
    assert section.count("<svg") == 8
    assert "too little to lose, a clean score below R2 0.2: pixels 0.10." in section
    assert '<span class="key" style="--key: #0b6bcb">checkpoint</span>' in section
    noise = section[section.index("<svg") : section.index("</svg>")]
    frame = re.search(r'<rect x="[\d.]+" y="([\d.]+)" width="[\d.]+" height="([\d.]+)"', noise)
    top, bottom = float(frame[1]), float(frame[1]) + float(frame[2])
    lines = re.findall(r'<path d="([^"]+)" clip-path', noise)
    heights = [float(y) for line in lines for y in re.findall(r"[ML] [\d.-]+ ([\d.-]+)", line)]
    assert top <= min(heights) < max(heights) <= bottom + 1e-3
    assert re.search(">.10<", noise)


def test_bars_are_drawn_to_their_ends(report):
    found = read(report)
    found["probe"]["pixels"]["layers"]["output"]["total"].update(mean=0.6, low=0.5, high=0.7)
    output = found["probe"]["checkpoint"]["layers"]["output"]
    for value in (output["total"], *(output["controls"][c] for c in ("single frame", "shuffled time"))):
        value.update(mean=-30.0, low=-200.0, high=0.1, by_seed=[-200.0, -3.0, 0.1])
    page = render(found, None)
    chart = page.partition("<h2>How much of the action")[2].partition("<h2>")[0]
    assert re.search(">.100<", chart)
    assert "an axis that goes below -1 is logarithmic there" in chart


def test_what_is_tried_on_many_episodes_is_there(here, bag, model, tmp_path, monkeypatch):
    """Networks as probes, which learn nothing in a few steps, and an encoder that is tuned."""
    monkeypatch.setattr(configuration, "FEW_EPISODES", 2)
    done = run(bag, "--out", tmp_path / "out", "--checkpoint", model, "--encoders", "pixels", *LITTLE)
    assert done.exit_code == 0, done.output
    found = read(tmp_path / "out")
    assert found["probes"]["kind"] == "MLP"
    assert len(found["probe"]["checkpoint"]["layers"]["output"]["total"]["by_seed"]) == 3
    assert {"before", "after"} <= set(found["supervision"])
    said = " ".join(done.output.split())
    assert "An MLP that is fitted on these bags reads R2" in said
    assert "over 1 held-out episodes, too few to say what others would give (at least 5)" in said


def test_a_decoder_that_has_learned_draws_what_the_model_expects(here, bag, model, tmp_path, monkeypatch):
    fit_decoder = fidelity.fit_decoder

    def learned(*arguments):
        decoder, scores = fit_decoder(*arguments)
        return decoder, {**scores, "psnr": scores["psnr_of_mean_picture"] + 0.1}

    monkeypatch.setattr(fidelity, "fit_decoder", learned)
    done = run(bag, "--out", tmp_path / "out", "--checkpoint", model, "--encoders", "pixels", *LITTLE)
    assert done.exit_code == 0, done.output
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert imagined(page).count("data:image/png;base64,") == 20
    for column in ("input, decoded", "prediction, decoded", "goal, decoded"):
        assert f"<span>{column}</span>" in page
    assert "that is fitted here" in page
    assert "what the model expects there" not in page


def test_a_checkpoint_s_own_decoder_draws_where_it_has_one(here, bag, model, tmp_path):
    shutil.copytree(model, tmp_path / "model")
    decoder = Decoder(1, 8, 32)
    save_decoder(decoder, tmp_path / "model", {})
    done = run(bag, "--out", tmp_path / "out", "--checkpoint", tmp_path / "model", *LITTLE)
    assert done.exit_code == 0, done.output
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert imagined(page).count("data:image/png;base64,") == 20
    assert "that is kept in the checkpoint&#39;s folder" in page


def test_nothing_but_the_report_is_left(report):
    assert sorted(path.name for path in report.iterdir()) == ["report.html", "report.json"]


def test_one_process_writes_the_same_bytes_also_when_it_was_ended(report, bag, model, tmp_path, monkeypatch):
    monkeypatch.setattr(evaluation, "Workers", Here)
    arguments = [
        bag,
        "--out",
        tmp_path / "out",
        "--checkpoint",
        model,
        "--encoders",
        "pixels,autoencoder",
        *LITTLE,
    ]
    monkeypatch.setattr(Here, "ended_after", "probe pixels")
    assert run(*arguments).exit_code != 0
    work = tmp_path / "out" / ".progress"
    assert (work / "probe-pixels.json").is_file()
    monkeypatch.setattr(Here, "ended_after", None)
    done = run(*arguments)
    assert done.exit_code == 0, done.output
    assert "bag bag: done" not in done.output
    assert "probe pixels: done" not in done.output
    assert "dynamics: done" in done.output
    for name in ("report.json", "report.html"):
        assert (tmp_path / "out" / name).read_bytes() == (report / name).read_bytes()


def test_another_evaluation_does_not_go_on_with_it(here, bag, model, tmp_path, monkeypatch):
    monkeypatch.setattr(Here, "ended_after", "bag bag")
    run(bag, "--out", tmp_path / "out", "--checkpoint", model, *LITTLE)
    done = run(bag, "--out", tmp_path / "out", "--checkpoint", model, "--effort", "0.002")
    assert "effort was 0.001 and is 0.002" in str(done.exception)


def test_a_folder_with_something_in_it_is_left_alone(bag, tmp_path):
    (tmp_path / "mine").write_text("")
    assert "nothing is overwritten" in str(run(bag, "--out", tmp_path).exception)


def test_an_unknown_encoder_is_named_with_those_there_are(bag, tmp_path):
    said = str(run(bag, "--out", tmp_path / "out", "--encoders", "pixels,resnet").exception)
    assert "no encoder 'resnet'" in said
    assert "video-predictive" in said


def test_two_reports_side_by_side(report, tmp_path):
    other = tmp_path / "other"
    shutil.copytree(report, other)
    changed = read(other)
    changed["operator"]["closer_than_zero"] = 2.0
    changed["effort"] = 1.0
    (other / "report.json").write_text(json.dumps(changed))
    done = run("--compare", report, other, "--out", tmp_path / "both")
    assert done.exit_code == 0, done.output
    rows = {
        row["figure"]: row for row in json.loads((tmp_path / "both" / "compare.json").read_text())["rows"]
    }
    assert rows["plans closer to the operator than no motion"]["better"] == 1
    assert rows["PSNR, dB"]["better"] is None
    assert rows["R2 of the action probe, pixels"]["values"][0] is not None
    page = (tmp_path / "both" / "compare.html").read_text(encoding="utf-8")
    assert "different effort" in page
    assert "different recordings" not in page
    assert "no report at" in str(run("--compare", tmp_path, other, "--out", tmp_path / "none").exception)


# Broken bags.


def broken(tmp_path, bag):
    """Bags of every condition, by what is said of them. bag: a whole one, which is cut."""
    cut, lost = (
        shutil.copytree(bag, tmp_path / "cut"),
        write_bag(tmp_path / "lost", frames(60) + commands(60)),
    )
    for file in (next(cut.glob("*.mcap")), next(lost.glob("*.mcap"))):
        file.write_bytes(file.read_bytes()[: int(0.7 * file.stat().st_size)])
    wrong = [
        (COMMANDS, stamp, blank("rosbags", "std_msgs/msg/Int32", data=1)) for _, stamp, _ in commands(60)
    ]
    return {
        "no camera topic": write_bag(tmp_path / "webcam", frames(60, topic="/webcam")),
        "no commands": write_bag(tmp_path / "silent", frames(60)),
        "is cut off (its recorder was killed?): salvaged": cut,
        "salvaged 0 messages": lost,
        "nothing moves": write_bag(tmp_path / "static", frames(60, value=lambda k: 7) + commands(60)),
        "read without its commands": write_bag(tmp_path / "wrong", frames(60) + wrong),
    }


def test_what_is_wrong_with_bags_is_said_and_the_rest_evaluated(here, bag, model, tmp_path):
    bags = broken(tmp_path, bag)
    whole = write_bag(tmp_path / "whole", frames(60) + commands(60))
    first, *others = bags.values()  # of bags with one episode the second is held out
    done = run(first, whole, *others, "--out", tmp_path / "out", "--checkpoint", model, *LITTLE)
    assert done.exit_code == 0, (done.output, done.exception)
    found, page = read(tmp_path / "out"), (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    for words, path in bags.items():
        assert words in page, words
        assert path.name in page
    assert [about["name"] for about in found["unreadable"]] == ["webcam", "lost"]
    assert found["probe"]["checkpoint"]["layers"]["output"]["pairs"]["scored"] > 0
    assert found["dynamics"]["clips"] > 0


@pytest.mark.parametrize(
    ("messages", "left_out", "words"),
    [
        (frames(60) + commands(60), {"probe", "fidelity"}, "nothing can be held out"),
        (frames(60), {"probe", "fidelity", "operator"}, "no commands"),
        (
            frames(60, value=lambda k: 7) + commands(60),
            {"probe", "fidelity", "operator", "dynamics"},
            "nothing moves",
        ),
        (frames(60, period=SECOND // 3) + commands(60), {"probe", "operator", "dynamics"}, "3 Hz"),
        (frames(3) + commands(3), {"probe", "operator", "dynamics"}, "too short|record"),
    ],
    ids=["one episode", "no actions", "static", "wrong rate", "short"],
)
def test_a_lone_bag_that_answers_little_still_gets_its_report(
    here, model, tmp_path, messages, left_out, words
):
    bag = write_bag(tmp_path / "bag", messages)
    done = run(bag, "--out", tmp_path / "out", "--checkpoint", model, "--encoders", "pixels", *LITTLE)
    assert done.exit_code == 0, (done.output, done.exception)
    found, page = read(tmp_path / "out"), (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    answers = {**{name: found[name] for name in ("dynamics", "operator", "supervision")}}
    answers |= {name: found[name]["checkpoint"] for name in ("probe", "fidelity")}
    assert {name for name, answer in answers.items() if "left_out" in answer} >= left_out
    assert re.search(words, page)


def test_topics_of_other_names_are_read_where_asked_for_and_told(here, model, tmp_path):
    driven = [("/left_arm/velocity", stamp, message) for _, stamp, message in commands(60)]
    bags = [
        write_bag(tmp_path / name, frames(60, topic="/webcam") + (driven if name == "named" else []))
        for name in ("mute", "named")
    ]
    arguments = ("--checkpoint", model, "--encoders", "pixels", "--camera", "webcam", *LITTLE)
    done = run(*bags, "--out", tmp_path / "out", "--command", "left_arm/velocity", *arguments)
    assert done.exit_code == 0, (done.output, done.exception)
    found = read(tmp_path / "out")
    assert [about["name"] for about in found["unreadable"]] == ["mute"]
    assert "has no topic left_arm/velocity (--command)" in found["unreadable"][0]["error"]
    assert found["bags"][0]["topics"] == [{"camera": "/webcam", "command": "/left_arm/velocity"}]
    assert "60 on /left_arm/velocity" in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    done = run(bags[1], "--out", tmp_path / "silent", *arguments)
    said = " ".join(done.output.split())
    assert "Named has no commands" in said
    assert "/left_arm/velocity: if these are the robot's, name the topic with `--command`" in said


def test_a_camera_of_another_clock_is_told_in_the_verdict(here, model, tmp_path):
    late = [(topic, stamp + 9 * SECOND, message) for topic, stamp, message in frames(60)]
    bag = write_bag(tmp_path / "bag", late + commands(60, start=14 * SECOND))
    arguments = (bag, "--checkpoint", model, "--encoders", "pixels", *LITTLE)
    said = " ".join(run(*arguments, "--out", tmp_path / "header").output.split())
    assert "Bag is read without its commands: " in said
    assert "frames on /image (from 5.000 s) never overlap: they follow different clocks" in said
    assert "`--stamps log`" in said
    assert run(*arguments, "--out", tmp_path / "log", "--stamps", "log").exit_code == 0
    assert read(tmp_path / "log")["bags"][0]["labelled"]


def test_no_bag_that_can_be_read_is_a_report_and_a_failure(here, tmp_path):
    bag = write_bag(tmp_path / "webcam", frames(9, topic="/webcam"))
    done = run(bag, "--out", tmp_path / "out", *LITTLE)
    assert done.exit_code == 1
    assert read(tmp_path / "out")["verdict"]["title"] == "These bags cannot tell"
    assert "could not be read" in done.output


def test_a_profile_that_is_not_the_checkpoints_leaves_the_plans_out(here, bag, model, tmp_path):
    text = (share_dir() / "config" / "robots" / "arm.yaml").read_text(encoding="utf-8")
    (tmp_path / "other.yaml").write_text(
        text.replace("max: 1.5", "max: 1.0").replace("name: arm", "name: other")
    )
    done = run(
        bag, "--out", tmp_path / "out", "--profile", tmp_path / "other.yaml", "--encoders", "pixels", *LITTLE,
        "--checkpoint", model,
    )  # fmt: skip
    assert done.exit_code == 0, (done.output, done.exception)
    found = read(tmp_path / "out")
    assert "differs from this profile" in found["operator"]["left_out"]
    assert "total" in found["probe"]["checkpoint"]["layers"]["output"]
