"""How mailvault is set up around its two servers."""
