"""Figures for Prometheus, gathered from events as they happen."""
