"""Read and write durations and sizes as people do."""

from measures.duration import format_duration, parse_duration
from measures.size import format_size, parse_size

__all__ = ["format_duration", "format_size", "parse_duration", "parse_size"]
