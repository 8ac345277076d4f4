"""`wm_ros` with a probe of few steps, `python -m brief_wm_ros`: it would take most of a tiny training's time."""

from wm_ros.cli import main
from wm_ros.training import scores

# Processes that are spawned import this module, too.
scores.PROBE_STEPS = 20

if __name__ == "__main__":
    main()
