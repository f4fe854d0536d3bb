"""What the engine needs of the world, as Protocols whose docstrings are contracts."""
