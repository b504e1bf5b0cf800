"""Crops of samples and their augmentation."""
