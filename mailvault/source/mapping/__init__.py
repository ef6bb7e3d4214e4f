"""The mapping of anyone's tables: its form, and the views and functions that are made of it."""
