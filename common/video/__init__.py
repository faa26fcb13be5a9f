"""A user's own video: its poses are lifted, placed, fitted, streamed, and written for other programs."""
