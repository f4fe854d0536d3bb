"""Proves the allocation claims on a real provider."""
