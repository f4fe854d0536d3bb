"""The provider `process`: commands run as plain processes of the runner's user. No isolation.

provider   `ProcessProvider`: allocate, release, held VMs
machine    an agent as a process, the link to it and its private directory
slot       host-wide slots with a lock and a generation each
"""
