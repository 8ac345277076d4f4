"""A bag played to the live nodes: which faults are put into it, and how the results are judged."""
