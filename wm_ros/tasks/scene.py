"""The table scene as MJCF: a two-joint arm and coloured objects that differ by seed."""

from __future__ import annotations

import colorsys

import numpy as np

UPPER_ARM_M = 0.22
FOREARM_M = 0.18
SHOULDER_LIMIT_RAD = 1.6
ELBOW_LIMIT_RAD = 2.4
OBJECTS = 4

CAMERA_POSITION_M = (0.38, 0.0, 0.95)
CAMERA_TARGET_M = (0.10, 0.0, 0.05)
CAMERA_FOVY_RAD = 0.96

# What both scenes of an arm stand on, and how it is driven.
TABLE_XML = """
    <geom name="floor" type="plane" size="4 4 .1" pos="0 0 -.4" rgba=".32 .34 .38 1"/>
    <geom name="table" type="box" size=".42 .5 .02" pos=".15 0 -.02" rgba=".82 .78 .70 1"/>
    <geom name="base" type="cylinder" size=".05 .04" pos="0 0 .04" rgba=".20 .20 .24 1"/>
"""
ACTUATOR_XML = """
  <actuator>
    <velocity name="shoulder" joint="shoulder" kv="8" forcerange="-20 20"/>
    <velocity name="elbow" joint="elbow" kv="6" forcerange="-20 20"/>
  </actuator>
"""

# contype 2 / conaffinity 0: rays see every geom, nothing collides; the arm moves above the objects.
_TEMPLATE = """
<mujoco model="arm">
  <compiler angle="radian"/>
  <option timestep="0.005" integrator="implicitfast"/>
  <default>
    <geom contype="2" conaffinity="0"/>
    <joint type="hinge" axis="0 0 1" damping="0.1" armature="0.02"/>
    <default class="moving"><geom group="1"/></default>
  </default>
  <worldbody>
    {table}
    {objects}
    <body name="upper_arm" pos="0 0 .10" childclass="moving">
      <joint name="shoulder" range="-{shoulder} {shoulder}" limited="true"/>
      <geom type="cylinder" size=".042 .024" rgba=".95 .55 .10 1"/>
      <geom type="box" size="{half_upper} .024 .018" pos="{half_upper} 0 0" rgba=".95 .55 .10 1"/>
      <body name="forearm" pos="{upper} 0 .035">
        <joint name="elbow" range="-{elbow} {elbow}" limited="true"/>
        <geom type="cylinder" size=".034 .020" rgba=".15 .35 .85 1"/>
        <geom type="box" size="{half_fore} .018 .014" pos="{half_fore} 0 0" rgba=".15 .35 .85 1"/>
        <geom type="sphere" size=".028" pos="{fore} 0 0" rgba=".90 .10 .15 1"/>
        <site name="tip" pos="{fore} 0 0"/>
      </body>
    </body>
  </worldbody>
  {actuator}
</mujoco>
"""


def scene_xml(seed: int) -> str:
    """MJCF of the scene with this seed; equal seeds give equal text."""
    generator = np.random.default_rng(seed)
    return _TEMPLATE.format(
        table=TABLE_XML,
        actuator=ACTUATOR_XML,
        objects="\n    ".join(_object_xml(generator) for _ in range(OBJECTS)),
        shoulder=SHOULDER_LIMIT_RAD,
        elbow=ELBOW_LIMIT_RAD,
        upper=UPPER_ARM_M,
        half_upper=UPPER_ARM_M / 2,
        fore=FOREARM_M,
        half_fore=FOREARM_M / 2,
    )


def _object_xml(generator: np.random.Generator) -> str:
    kind = generator.choice(["box", "cylinder", "sphere"])
    half = generator.uniform(0.020, 0.038)
    x, y = generator.uniform(-0.15, 0.45), generator.uniform(-0.42, 0.42)
    red, green, blue = colorsys.hsv_to_rgb(generator.uniform(), generator.uniform(0.5, 1.0), 0.75)
    size = {"box": f"{half} {half} {half}", "cylinder": f"{half} {half}", "sphere": f"{half}"}[str(kind)]
    turn = generator.uniform(-np.pi, np.pi)
    return (
        f'<geom type="{kind}" size="{size}" pos="{x:.4f} {y:.4f} {half:.4f}" euler="0 0 {turn:.3f}" '
        f'rgba="{red:.3f} {green:.3f} {blue:.3f} 1"/>'
    )
