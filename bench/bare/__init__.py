"""The floor: bare QEMU driven by a minimal script, with none of the product's code.

It takes an image's kernel, initramfs and root disk as they are, but for the agent on that disk: `stand_in.py`
takes its place.
"""
