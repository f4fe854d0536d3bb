"""No VM at all: the guest agent as a plain subprocess of the runner. No isolation."""
