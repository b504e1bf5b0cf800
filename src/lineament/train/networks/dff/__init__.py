"""The networks of Zhou and Huang's method."""
