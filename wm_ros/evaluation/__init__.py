"""What recordings, latents and plans are worth: it measures, and trains nothing but its probes."""
