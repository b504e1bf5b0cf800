"""Runs, tables of runs and exports, whatever the method."""
