"""The work tree of a git repository on this machine."""
