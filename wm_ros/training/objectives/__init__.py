"""What an encoder of frames can learn from video without commands: one objective a file, all on the same encoder."""
