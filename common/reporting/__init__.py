"""What an evaluation says: its notes, table, files and picture, and where its numbers come from."""
