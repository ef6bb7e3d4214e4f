"""Moves email bodies and attachments out of PostgreSQL and local disk into S3."""

from importlib.metadata import version

__version__ = version("mailvault")
