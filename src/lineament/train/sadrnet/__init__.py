"""SADRNet: targets, losses, configuration, export and row."""
