"""The floor: bare QEMU driven by a minimal script, with none of the product's code.

It takes an image's kernel, initramfs and root disk as they are, but for the agent on that disk: `stand_in.py`
takes its place.

A restored clone counts as up when it can be used: its clock is set and its random generator has entropy of its
own, before the first command. Without that two clones give the same keys and the same temporary names, and TLS
fails for the clock; a script that leaves it out has not done the job. It is done in the barest way there is: one
line to a guest that has done it before, sent together with the command, two ioctls and one system call. What it
costs is no secret: the floor without it is measured too, and printed beside it.
"""
