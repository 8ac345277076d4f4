"""No file that is read can run code: no pickle, no eval, no unsafe YAML, no shell. And what the SROS2 policy allows."""

import ast
from pathlib import Path
from xml.etree import ElementTree

import pytest

from wm_ros.resources import share_dir

ROOT = Path(__file__).resolve().parents[1]
SOURCES = sorted((*(ROOT / "wm_ros").rglob("*.py"), *(ROOT / "launch").glob("*.py")))
MODULES = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}
CALLS = {
    "eval",
    "exec",
    "compile",
    "__import__",
    "yaml.load",
    "yaml.load_all",
    "yaml.unsafe_load",
    "yaml.full_load",
    "os.system",
    "os.popen",
}


def unsafe(source: str) -> list[str]:
    """What in a module could run code that came with data."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and [alias.name for alias in node.names] == ["UnpicklingError"]:
            continue  # to catch it
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            names = (
                [node.module or ""]
                if isinstance(node, ast.ImportFrom)
                else [alias.name for alias in node.names]
            )
            found += [name for name in names if name.partition(".")[0] in MODULES]
        elif isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            given = {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords}
            found += [called] if called in CALLS else []
            if called == "torch.load" and given.get("weights_only") != "True":
                found.append("torch.load without weights_only=True")
            if called in ("np.load", "numpy.load") and given.get("allow_pickle", "False") != "False":
                found.append("np.load with allow_pickle")
            if given.get("shell", "False") != "False":
                found.append(f"{called} with shell")
    return found


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_that_is_read_can_run_code(path):
    assert unsafe(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "line",
    [
        "import pickle",
        "from pickle import loads",
        "eval(text)",
        "yaml.load(text)",
        "torch.load(path)",
        "torch.load(path, weights_only=False)",
        "np.load(path, allow_pickle=True)",
        "subprocess.run(text, shell=True)",
    ],
)
def test_the_search_finds_what_it_is_for(line):
    assert unsafe(line)


def policy() -> dict[str, dict[str, set[str]]]:
    """By enclave: names of topics it may publish and subscribe, and services it may serve and call."""
    tree = ElementTree.parse(share_dir() / "config" / "sros2_policy.xml").getroot()
    enclaves = {}
    for enclave in tree.iter("enclave"):
        rights = {right: set() for right in ("publish", "subscribe", "reply", "request")}
        enclaves[enclave.get("path")] = rights
        for kind in ("topics", "services"):
            for group in enclave.iter(kind):
                for right in rights.keys() & group.keys():
                    assert group.get(right) == "ALLOW"
                    rights[right] |= {entry.text for entry in group}
    return enclaves


def test_only_the_guard_may_publish_to_the_robot():
    command = "joint_velocity_controller/commands"
    assert {path for path, rights in policy().items() if command in rights["publish"]} == {"/guard"}
    assert {path for path, rights in policy().items() if command in rights["subscribe"]} == {"/robot"}
    assert "plan" in policy()["/guard"]["subscribe"]
    assert {path for path, rights in policy().items() if "plan" in rights["publish"]} == {"/pipeline"}


def test_only_the_operator_may_start_the_robot():
    assert {path for path, rights in policy().items() if "guard/start" in rights["request"]} == {"/operator"}
    assert policy()["/sequence"]["request"] == {"guard/stop"}
