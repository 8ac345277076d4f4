"""What planning costs and what it achieves, each against the straightforward way in the same run."""
