"""The agent inside the VM. Standard library and `wire` only; nobody imports it."""
