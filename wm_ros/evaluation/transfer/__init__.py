"""Latent actions of one video applied in another: what is imagined there, and how right that is."""
