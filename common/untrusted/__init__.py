"""Reading files that nobody vouches for: nothing in them is executed, nothing in them is believed."""
