"""What a run investigates (``study=``)."""
