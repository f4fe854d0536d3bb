"""Runs a planned workflow in one session."""
