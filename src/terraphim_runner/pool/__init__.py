"""VMs that are ready before they are needed: decided purely (`plan`), carried out by an async shell (`pool`)."""
