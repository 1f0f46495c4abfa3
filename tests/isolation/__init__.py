"""What one organization can never reach of another."""
