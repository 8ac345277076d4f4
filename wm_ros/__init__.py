"""Goal-image control of robots with latent action world models, on ROS 2."""

__version__ = "0.1.0"
