"""docker-compose.yml, run for real."""
