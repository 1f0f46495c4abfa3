"""Pages of decisions: home, the list, one decision."""
