"""A bag played to the live nodes: which faults are put into it, and what is made of what was seen."""
