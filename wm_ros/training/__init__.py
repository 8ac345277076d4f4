"""Training on recordings: encoder, world model, controller, one after the other; the last two in the end together."""
