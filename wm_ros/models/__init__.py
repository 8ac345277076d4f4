"""The networks: encoder, inverse dynamics, forward model, controller, and the checkpoint that holds them."""
