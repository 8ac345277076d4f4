"""Faults injected into real processes over DDS: a real pipeline and guard between a camera and a robot's ear."""
