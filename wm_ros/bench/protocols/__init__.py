"""The published protocols of [LAM] for planning, for those who have the data: DROID and RECON."""
