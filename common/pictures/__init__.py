"""Drawing: skeletons, curves, animations and their files."""
