"""`wm_ros demo`."""


def demo() -> None:
    """Watch the embedded arm drive itself to goal pictures."""
