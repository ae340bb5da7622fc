"""Options of the group `optimizer`: one file each."""
