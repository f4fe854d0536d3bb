"""Runs GitHub Actions workflows, each run in one virtual machine of its own."""
