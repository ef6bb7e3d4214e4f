"""Moves email bodies and attachments out of PostgreSQL and local disk into S3."""
