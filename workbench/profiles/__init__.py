"""Which engines run with which settings: what this machine has, what suits it, and the TOML that says so."""
