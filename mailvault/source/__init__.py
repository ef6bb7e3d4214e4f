"""The application's mail: where it is, how it is read, and how it gets there."""
