"""One module for each screen; it is imported when the screen is shown first."""
