"""Tests of what all endpoints have in common."""
