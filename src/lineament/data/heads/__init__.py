"""Everything of a head that is not the face mesh: skull, neck, eyes, lids, mouth."""
