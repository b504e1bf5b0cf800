"""Face models: the one inside the package, and readers for those that users bring."""

from lineament.models.loading import load_model

__all__ = ["load_model"]
