"""Tasks from a recording to goals reached: a model, the action-labelled baseline and controls, seed by seed."""
