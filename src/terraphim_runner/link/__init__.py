"""The host side of a guest connection: one async shell around `wire`, used by every provider with a real agent."""
