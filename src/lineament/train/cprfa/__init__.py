"""Training of CPRFA: maps first, then the rounds of updates on what the maps show."""
