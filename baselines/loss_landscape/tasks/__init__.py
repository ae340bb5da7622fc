"""Options of the group `task`: one file each."""
