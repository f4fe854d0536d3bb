"""The host's end of a guest's network: what goes out is judged, carried and logged here.

The VMM runs in a network namespace of its own that leads nowhere: every packet that its user networking sends,
to whatever address, is delivered to three sockets of this process. So the policy holds for everything in the
guest and for the VMM itself, and nothing in the guest need know of it.
"""
