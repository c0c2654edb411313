"""What happened, durable before anyone counts on it."""
