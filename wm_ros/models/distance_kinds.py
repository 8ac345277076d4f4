"""Names of the goal distances, for a command line that does not load what is behind them."""

# How far the goal is: the robot's own commands between two states, or how soon video goes from one to the other, which
# is for robots that move things.
GOAL_DISTANCES = ("displacement", "temporal")
