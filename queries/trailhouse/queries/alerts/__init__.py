"""Product alerts: what organisations are told of, and how it reaches them."""
