"""The command line: options, what they mean together, and what they ask of the other rooms."""
