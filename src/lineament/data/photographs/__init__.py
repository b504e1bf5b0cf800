"""Collections of photographs: who is on them, where faces and landmarks are."""
