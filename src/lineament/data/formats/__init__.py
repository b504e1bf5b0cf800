"""Readers of published data sets, faces as :class:`~lineament.data.formats.item.AnnotatedFace`."""
