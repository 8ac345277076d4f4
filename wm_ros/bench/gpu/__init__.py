"""What a GPU is measured by: steps that each write their figures at once, and one table."""
