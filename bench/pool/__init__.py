"""The pool on real VMs: its figures (`python -m bench.pool`) and a campaign with failures (`…pool.campaign`)."""
