"""From speech probabilities to what an ASR engine gets: pure steps, no model, no clock. `cache` keeps the former."""
