"""Audio in and out of files."""
