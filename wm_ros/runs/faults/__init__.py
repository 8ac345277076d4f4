"""Faults injected into real processes over DDS: pipeline and guard between a camera and a command recorder."""
