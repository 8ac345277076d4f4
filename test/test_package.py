"""What the package promises about itself: contents, declared dependencies, and which room may import what."""

import ast
import re
import runpy
import subprocess
import sys
from graphlib import TopologicalSorter
from importlib.util import find_spec
from pathlib import Path
from xml.etree import ElementTree

import pytest
from patience import LIMIT_S

import wm_ros
from wm_ros.resources import share_dir

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "wm_ros"
MODULES = sorted(PACKAGE.rglob("*.py"))
TORCH_ROOMS = {"bench", "models", "planning", "stages", "tasks", "training", "evaluation"}
ROS_ROOMS = {"ros", "nodes", "runs"}
# Which rooms each room may import, besides itself and the modules beside the rooms.
LIBRARY = {
    "messages",
    "robots",
    "models",
    "planning",
    "stages",
    "safety",
    "data",
    "training",
    "evaluation",
    "tasks",
}
MAY_IMPORT = {
    "robots": set(),
    "messages": {"robots"},
    "safety": {"messages", "robots"},
    "models": {"robots"},
    "planning": {"models", "robots"},
    "stages": {"messages", "models", "planning"},
    "data": {"messages", "robots", "safety"},
    "training": {"data", "models", "planning", "robots"},
    "tasks": {"data", "messages", "models", "planning", "robots", "safety", "stages"},
    "evaluation": LIBRARY - {"evaluation"},
    "ros": {"messages", "robots", "safety"},
    "nodes": {"messages", "models", "planning", "robots", "ros", "safety", "stages", "tasks"},
    "runs": LIBRARY | {"nodes", "ros"},
    "bench": LIBRARY,
    "commands": LIBRARY | {"bench", "ros", "runs"},
}
DISTRIBUTIONS = {
    "cv2": "opencv-python-headless",
    "yaml": "pyyaml",
    "PIL": "pillow",
    "sklearn": "scikit-learn",
}
BY_ROS_ONLY = {"cv_bridge"}  # used where it exists; there is no wheel of it


def name_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def imports(path: Path, at_start_only: bool = False) -> set[str]:
    """Top-level names a module imports; `at_start_only` leaves out functions and `if TYPE_CHECKING`."""
    found, pending = set(), [ast.parse(path.read_text(encoding="utf-8"))]
    while pending:
        node = pending.pop()
        if isinstance(node, ast.Import):
            found.update(alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found.add(node.module.partition(".")[0])
        elif at_start_only and isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            continue
        elif at_start_only and isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            pending += node.orelse
        else:
            pending += ast.iter_child_nodes(node)
    return found


def run_without(names: set[str], code: str, *arguments: str) -> subprocess.CompletedProcess:
    """Run code in a Python that cannot import these."""
    block = (
        "import sys\n"
        "class Blocked:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        f"        if name.partition('.')[0] in {names!r}:\n"
        "            raise ModuleNotFoundError(f'{name} is blocked', name=name)\n"
        "sys.meta_path.insert(0, Blocked())\n"
    )
    command = [sys.executable, "-c", block + code, *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


@pytest.fixture(scope="module")
def setup() -> dict:
    """What setup.py hands to setuptools."""
    setuptools = pytest.importorskip("setuptools")
    given = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(setuptools, "setup", given.update)
        patch.chdir(ROOT)
        runpy.run_path("setup.py")
    return given


@pytest.fixture(scope="module")
def manifest() -> ElementTree.Element:
    return ElementTree.parse(ROOT / "package.xml").getroot()


def test_rclpy_is_imported_in_its_rooms_only():
    found = {path.relative_to(PACKAGE).parts[0] for path in MODULES if "rclpy" in imports(path)}
    assert found == ROS_ROOMS


@pytest.mark.parametrize(
    "room", sorted(path.name for path in PACKAGE.iterdir() if (path / "__init__.py").exists())
)
def test_a_room_imports_only_what_the_table_allows(room):
    allowed = MAY_IMPORT[room] | {room}
    rooms = set(MAY_IMPORT)
    for path in (PACKAGE / room).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("wm_ros."):
                target = node.module.split(".")[1]
                assert target not in rooms or target in allowed, f"{path}: {node.module}"


def test_no_module_imports_itself_through_others():
    """Not for types either: what two modules need of each other belongs in a third."""
    arrows: dict[str, set[str]] = {}
    for path in MODULES:
        found = arrows.setdefault(name_of(path), set())
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("wm_ros"):
                within = {f"{node.module}.{alias.name}" for alias in node.names}
                found |= {node.module, *within} & {name_of(other) for other in MODULES}
    TopologicalSorter(arrows).prepare()  # raises CycleError, which names the circle


def test_the_architecture_page_has_the_table():
    page = (ROOT / "doc" / "architecture.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \| .+ \| (.+) \|$", page, re.MULTILINE)
    assert {room: set(re.findall(r"`(\w+)`", allowed)) for room, allowed in rows} == MAY_IMPORT


def test_every_page_is_in_the_documentation_s_index():
    listed = (ROOT / "doc" / "index.md").read_text(encoding="utf-8").split()
    assert {path.stem for path in (ROOT / "doc").glob("*.md")} - {"index"} <= set(listed)


def test_torch_is_imported_by_the_learning_rooms_only_or_late():
    early = {
        path.relative_to(PACKAGE).parts[0]
        for path in MODULES
        if imports(path, at_start_only=True) & {"torch", "safetensors"}
    }
    assert early <= TORCH_ROOMS


@pytest.mark.parametrize("room", ["messages", "robots", "safety"])
def test_a_pure_room_works_without_torch_and_ros(room):
    names = [name_of(path) for path in sorted((PACKAGE / room).rglob("*.py"))]
    blocked = {"torch", "rclpy", "mujoco", "rosbags", "mcap", "sensor_msgs", "std_msgs"}
    done = run_without(
        blocked, "import importlib\nfor name in sys.argv[1:]: importlib.import_module(name)", *names
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(
    find_spec("rclpy") is None, reason="no rclpy: runs after make venv or with a ROS 2 sourced"
)
def test_the_guard_node_works_without_torch():
    done = run_without({"torch"}, "import wm_ros.nodes.guard_node as guard\nassert guard.GuardNode")
    assert done.returncode == 0, done.stderr


def test_help_works_with_the_core_dependencies_alone(setup):
    extras = {
        "torch",
        "rclpy",
        "mujoco",
        "rosbags",
        "mcap",
        "av",
        "pyarrow",
        "safetensors",
        "matplotlib",
        "PIL",
    }
    code = "from wm_ros.cli import main\nsys.argv = ['wm_ros', *sys.argv[1:]]\nmain()"
    done = run_without(extras, code, "--help")
    assert done.returncode == 0, done.stderr
    for command in re.findall(r"^  ([a-z-]+) ", done.stdout.partition("Commands:")[2], re.MULTILINE):
        done = run_without(extras, code, command, "--help")
        assert done.returncode == 0, done.stderr
        assert "Usage:" in done.stdout


def test_every_main_is_an_executable(setup):
    scripts = dict(re.split(r"\s*=\s*", line) for line in setup["entry_points"]["console_scripts"])
    with_main = {
        path.stem
        for path in (PACKAGE / "nodes").glob("*.py")
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.FunctionDef) and node.name == "main"
    }
    assert scripts == {"wm_ros": "wm_ros.cli:main"} | {n: f"wm_ros.nodes.{n}:main" for n in with_main}


def test_all_files_are_installed(setup):
    assert set(setup["packages"]) == {name_of(path) for path in MODULES if path.name == "__init__.py"}
    assert {name_of(path.parent) for path in MODULES} <= set(setup["packages"]), (
        "a folder without __init__.py"
    )
    data = {path for path in PACKAGE.rglob("*") if path.is_file() and "__pycache__" not in path.parts} - set(
        MODULES
    )
    patterns = setup["package_data"]["wm_ros"]
    assert data == {path for pattern in patterns for path in PACKAGE.glob(pattern)}
    shared = {file for _, files in setup["data_files"] for file in files}
    kept = {
        path
        for folder in ("config", "launch")
        for path in (ROOT / folder).rglob("*")
        if path.suffix != ".pyc"
    }
    assert shared == {str(path.relative_to(ROOT)) for path in kept if path.is_file()} | {
        "package.xml",
        "resource/wm_ros",
    }


def test_share_holds_launch_and_config():
    assert (share_dir() / "launch" / "demo.launch.py").is_file()
    assert (share_dir() / "config" / "fastdds.xml").is_file()


def test_all_say_the_same_name_and_version(setup, manifest):
    assert manifest.get("format") == "3"
    assert manifest.findtext("name") == setup["name"] == "wm_ros"
    assert manifest.findtext("version") == setup["version"] == wm_ros.__version__
    assert manifest.findtext("export/build_type") == "ament_python"


def test_every_import_is_declared(setup, manifest):
    """Python packages in setup.py, ROS packages in package.xml and, as wheels, in the extra `ros`."""
    declared = [
        *setup["install_requires"],
        *(entry for extra in setup["extras_require"].values() for entry in extra),
    ]
    python = {re.match(r"[\w-]+", entry).group().lower() for entry in declared}
    ros = {element.text for element in manifest if element.tag in ("depend", "exec_depend")}
    used = set().union(*(imports(path) for path in MODULES)) - set(sys.stdlib_module_names) - {"wm_ros"}
    for name in used:
        if name in BY_ROS_ONLY:
            assert name in ros
        elif name == "rclpy" or name.endswith(("_msgs", "_srvs", "_interfaces")):
            assert name in ros, f"add {name} to package.xml"
            assert "ros-" + name.replace("_", "-") in python, f"add {name} to setup.py"
        else:
            assert DISTRIBUTIONS.get(name, name) in python, f"add {name} to setup.py"


def test_pytest_is_one_that_launch_pytest_can_use(setup):
    """That of Humble to Kilted does not work with pytest 8.4 and later."""
    for extra in ("dev", "test"):
        assert "pytest<8.4" in setup["extras_require"][extra]
    pinned = re.search(r"^pytest==(\d+)\.(\d+)", (ROOT / "constraints.txt").read_text(), re.MULTILINE)
    assert tuple(map(int, pinned.groups())) < (8, 4)


def test_a_busy_machine_fails_no_test():
    """One generous limit for all tests, which also ends the processes they wait for; none of a test's own."""
    limit = re.search(r"^timeout = (\d+)$", (ROOT / "pytest.ini").read_text(), re.MULTILINE)
    assert float(limit.group(1)) == LIMIT_S >= 900.0
    for path in (ROOT / "test").rglob("*.py"):
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(call, ast.Call):
                continue
            name = ast.unparse(call.func).rpartition(".")[2]
            waits = {"timeout", "timeout_s"} if name in ("until", "call", "change_state") else {"timeout"}
            own = [entry.value for entry in call.keywords if entry.arg in waits]
            own += {"timeout": call.args, "until": call.args[2:]}.get(name, [])
            short = [entry.value for entry in own if isinstance(entry, ast.Constant)]
            assert not short, f"{path}:{call.lineno}: a limit of {short} s; see test/harness/patience.py"
