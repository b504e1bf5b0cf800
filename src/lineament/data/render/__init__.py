"""Rendered faces: identities, hair, light, teeth, drawn from nothing."""
