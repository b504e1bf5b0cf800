"""Training in pieces on a machine that is lent for minutes."""
