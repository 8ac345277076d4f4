"""All bottlenecks and the action-labelled baseline, trained alike on one recording over several seeds: one table."""
