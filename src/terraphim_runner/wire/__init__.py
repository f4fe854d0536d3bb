"""Host and guest messages, sans-IO and versioned. Standard library only: the guest carries a copy. Pure."""
