"""The pusher's scene as MJCF: an arm whose finger reaches down into a tray with a puck."""

from __future__ import annotations

from wm_ros.tasks.scene import ACTUATOR_XML, FOREARM_M, TABLE_XML, UPPER_ARM_M

ELBOW_RAD = (0.1, 2.65)
SHOULDER_RAD = (-2.4, 1.6)
PUCK_RADIUS_M, FINGER_RADIUS_M = 0.033, 0.013
# Where the puck's centre can be: the rim stops it, and the finger passes over the rim.
LOW_M, HIGH_M = (0.17, -0.16), (0.31, 0.16)

# From so high the forearm never hides all of the puck.
CAMERA_POSITION_M = (0.34, 0.0, 0.95)
CAMERA_TARGET_M = (0.15, 0.0, 0.02)
CAMERA_FOVY_RAD = 0.58

_RIM_M = 0.01  # half its width
_MIDDLE = [(low + high) / 2 for low, high in zip(LOW_M, HIGH_M, strict=True)]
_HALF = [(high - low) / 2 + PUCK_RADIUS_M for low, high in zip(LOW_M, HIGH_M, strict=True)]


def _rim() -> str:
    (x, y), (half_x, half_y) = _MIDDLE, _HALF
    sides = [(x + sign * (half_x + _RIM_M), y, _RIM_M, half_y + 2 * _RIM_M) for sign in (-1, 1)]
    sides += [(x, y + sign * (half_y + _RIM_M), half_x, _RIM_M) for sign in (-1, 1)]
    return "\n    ".join(
        f'<geom type="box" pos="{x:.4f} {y:.4f} .002" size="{wide:.4f} {long:.4f} .002" rgba=".45 .40 .36 1"/>'
        for x, y, wide, long in sides
    )


# contype 2 / conaffinity 0: rays see every geom, finger and puck alone collide. Without a contype MuJoCo leaves a geom
# out of its body's box, which rays are tried against first.
TRAY_XML = f"""
<mujoco model="pusher">
  <compiler angle="radian"/>
  <option timestep="0.005" integrator="implicitfast"/>
  <default>
    <geom contype="2" conaffinity="0"/>
    <default class="moving"><geom group="1"/></default>
    <default class="arm">
      <joint type="hinge" axis="0 0 1" damping="0.1" armature="0.02" limited="true"/>
      <geom group="1"/>
    </default>
    <default class="puck">
      <joint type="slide" damping="1" frictionloss=".3" limited="true" armature=".01"/>
      <geom group="1" contype="1" conaffinity="1" friction=".3"/>
    </default>
  </default>
  <worldbody>
    {TABLE_XML}
    {_rim()}
    <body name="puck" pos="0 0 .014" childclass="puck">
      <joint name="puck_x" axis="1 0 0" range="{LOW_M[0]} {HIGH_M[0]}"/>
      <joint name="puck_y" axis="0 1 0" range="{LOW_M[1]} {HIGH_M[1]}"/>
      <geom type="cylinder" size="{PUCK_RADIUS_M} .014" mass=".1" rgba=".05 .70 .30 1"/>
    </body>
    <body name="upper_arm" pos="0 0 .10" childclass="arm">
      <joint name="shoulder" range="{SHOULDER_RAD[0]} {SHOULDER_RAD[1]}"/>
      <geom type="cylinder" size=".036 .02" rgba=".95 .55 .10 1"/>
      <geom type="box" size="{UPPER_ARM_M / 2} .018 .014" pos="{UPPER_ARM_M / 2} 0 0" rgba=".95 .55 .10 1"/>
      <body name="forearm" pos="{UPPER_ARM_M} 0 .03">
        <joint name="elbow" range="{ELBOW_RAD[0]} {ELBOW_RAD[1]}"/>
        <geom type="cylinder" size=".028 .016" rgba=".15 .35 .85 1"/>
        <geom type="box" size="{FOREARM_M / 2} .013 .011" pos="{FOREARM_M / 2} 0 0" rgba=".15 .35 .85 1"/>
        <geom type="cylinder" size="{FINGER_RADIUS_M} .062" pos="{FOREARM_M} 0 -.062" contype="1" conaffinity="1"
              friction=".3" rgba=".90 .10 .15 1"/>
        <site name="tip" pos="{FOREARM_M} 0 -.124"/>
      </body>
    </body>
  </worldbody>
  {ACTUATOR_XML}
</mujoco>
"""
