"""Programs that start nodes and judge them: demo, record, replay, faults, soak."""
