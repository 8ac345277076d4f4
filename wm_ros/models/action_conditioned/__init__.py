"""V-JEPA 2-AC [VJ2]: a published world model that is told the robot's end-effector actions."""
