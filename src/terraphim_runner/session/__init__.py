"""Sessions: the only way to a VM, under a hard limit, with a ledger."""
