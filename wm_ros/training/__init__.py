"""Training on recordings: encoder, world model, controller, one after the other; each frozen before the next."""
