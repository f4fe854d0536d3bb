"""VM images built from Debian packages, content-addressed."""
