"""What stands between a plan and a robot: pure functions of time and input, testable without either."""
