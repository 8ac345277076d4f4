"""Robot profiles: what an action vector means on one robot."""
