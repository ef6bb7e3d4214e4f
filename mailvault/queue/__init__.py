"""The outbox: one method per named query."""
