"""The encoders that this package trains itself; imports no torch, since the command line lists them too."""

TRAINED_HERE = ("tiny", "video")
