"""Workflow files: YAML to a model with positions, triggers, matrix, plan. Pure."""
