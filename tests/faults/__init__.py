"""The whole product under faults, with its real processes."""
