"""A scripted fake provider for tests."""
