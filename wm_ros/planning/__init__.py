"""Planners: they see only `rollout(actions [S, H, A]) -> costs [S]`."""
