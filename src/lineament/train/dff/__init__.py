"""Training of Zhou and Huang's method (ECAI 2020): faces rendered, lit, compared in a feature space."""
