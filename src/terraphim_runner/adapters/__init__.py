"""The outside world behind ports. Adapters never import each other or the engine."""
