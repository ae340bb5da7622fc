"""Options of the group `probe`: one file each."""
