"""The host side of a guest connection: an async shell around `wire` for every provider with a real agent."""
