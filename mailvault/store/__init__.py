"""The S3 store: object keys and the two uploaders."""
