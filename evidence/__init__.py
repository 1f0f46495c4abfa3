"""Evidence: what can be proven about the product and about each decision."""
