"""VMs under QEMU: microvm machines cloned copy-on-write from a frozen template."""
