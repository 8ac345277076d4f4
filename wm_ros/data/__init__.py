"""Recordings (bags, videos, LeRobot sets) to episodes of frames and commands, and episodes to clips or LeRobot sets."""
