"""The kernel: what a clip is, how windows of it become poses, how poses are scored; around it, the rooms."""
