"""Training of SynergyNet."""
