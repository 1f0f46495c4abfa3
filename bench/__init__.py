"""Measurements beside named peers and limits. Nothing in here is a test."""
