"""Batches of crops, made by worker processes or on the device."""
