"""The interactive interface. Textual is imported nowhere else."""
