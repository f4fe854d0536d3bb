"""A process that lives on: it owns the pool, and runs what `run` hands to it over a unix socket."""
