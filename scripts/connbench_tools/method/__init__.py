"""Experiments about the method itself: what the figures mean and which of them may be compared. Used by
scripts/method."""
