"""Networks in files: checkpoints of this program, and the weight files of other published networks."""
