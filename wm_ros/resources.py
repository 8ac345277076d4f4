"""Where the package's launch and config files are, in a checkout and in every kind of install."""

from pathlib import Path

PACKAGE = Path(__file__).resolve().parent


def share_dir() -> Path:
    """Folder that holds `config/` and `launch/`.

    Walks up from the package: the first parent with `share/wm_ros` is an install (colcon or pip), the first
    with `package.xml` a source checkout. AMENT_PREFIX_PATH is not needed, so wheels and editable
    installs work.
    """
    for parent in PACKAGE.parents:
        if (parent / "share" / "wm_ros" / "config").is_dir():
            return parent / "share" / "wm_ros"
        if (parent / "package.xml").is_file() and (parent / "config").is_dir():
            return parent
    raise FileNotFoundError(
        f"no share/wm_ros above {PACKAGE}: the package's config files were not installed; "
        "install with `pip install .` or `colcon build`"
    )
